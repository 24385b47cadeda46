"""Permission checks for views: what is outside one's scope does not exist, what one may see but not do is forbidden."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can


def require(person: Person, verb: Verb, scope: Scope) -> None:
    """Raises Http404 for a stranger to `scope`, PermissionDenied for somebody who may only look."""
    if not can(person, Verb.VIEW, scope):
        raise Http404
    if not can(person, verb, scope):
        raise PermissionDenied(_("You can look at %(namespace)s, but not do this there.") % {"namespace": scope.namespace})
