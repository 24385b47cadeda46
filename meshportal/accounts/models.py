"""People, what they may do where, and their tokens."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Person(AbstractUser):
    """Somebody who signs in."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("as the system")
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    theme = models.CharField(max_length=6, choices=Theme.choices, default=Theme.SYSTEM)
    language = models.CharField(max_length=10, blank=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    VIEWER = "viewer", _("viewer")
    OPERATOR = "operator", _("operator")
    APPROVER = "approver", _("approver")
    RESPONDER = "responder", _("responder")
    ADMIN = "admin", _("admin")


class RoleBinding(models.Model):
    """A role of a person in a scope. "" stands for every cluster, every namespace."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="bindings")
    role = models.CharField(max_length=10, choices=Role.choices)
    cluster = models.CharField(max_length=63, blank=True)
    namespace = models.CharField(max_length=63, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "role", "cluster", "namespace"], name="one_binding"),)

    def __str__(self) -> str:
        return f"{self.person}: {self.role} in {self.cluster or '*'}/{self.namespace or '*'}"


class ApiToken(models.Model):
    """A bearer token of a person. Only its hash is kept; the prefix lets people tell theirs apart."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "name"], name="one_token_name_per_person"),)

    def __str__(self) -> str:
        return f"{self.person}: {self.name} ({self.prefix}…)"


class SignInFailure(models.Model):
    """A try to sign in that failed or is not decided yet. Rows are deleted when they no longer count, see throttle.py."""

    username = models.CharField(max_length=150)
    address = models.CharField(max_length=45, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["username", "address"], name="sign_in_failure_of"),)

    def __str__(self) -> str:
        return f"{self.username} from {self.address or '?'} at {self.at:%H:%M:%S}"
