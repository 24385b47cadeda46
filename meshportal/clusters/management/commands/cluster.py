"""`manage.py cluster add|list`: which meshes this portal looks after."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor
from meshportal.clusters.models import Cluster
from meshportal.clusters.services import NameTaken, register

COMMAND = Actor(None, "manage.py cluster", AuditEvent.Via.COMMAND)


class Command(BaseCommand):
    help = "Register a cluster, point a registered one to other addresses, or list them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="register a cluster")
        add.add_argument("name", help="a short name for people, in the letters of a DNS label")
        add.add_argument("--worker-kubeconfig", type=Path, required=True, help="for the worker: an account that may write")
        add.add_argument("--observer-kubeconfig", type=Path, required=True, help="for the observer: an account that only reads")
        add.add_argument("--prometheus-url", required=True, help="the Prometheus that scrapes the mesh")
        add.add_argument("--istiod-url", default="", help="istiod's debug pages, to see which proxies are out of sync (optional)")
        add.add_argument("--replace", action="store_true", help="also if it is registered already; its history stays")
        actions.add_parser("list", help="the registered clusters")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            for cluster in Cluster.objects.all():
                files = f"worker {cluster.worker_kubeconfig}\tobserver {cluster.observer_kubeconfig}"
                self.stdout.write(f"{cluster.name}\t{cluster.prometheus_url}\t{files}\tistiod {cluster.istiod_url or 'not set'}")
            return
        try:
            register(
                options["name"],
                # They may be on another machine, so whether they exist is for worker and observer to say.
                worker_kubeconfig=str(options["worker_kubeconfig"].absolute()),
                observer_kubeconfig=str(options["observer_kubeconfig"].absolute()),
                prometheus_url=options["prometheus_url"],
                istiod_url=options["istiod_url"],
                by=COMMAND, now=timezone.now(), replace=options["replace"],
            )  # fmt: skip
        except NameTaken as error:
            raise CommandError(f"{error}. Add --replace to point it to other addresses.") from None
        except ValidationError as error:
            raise CommandError("; ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())) from None
        self.stdout.write(f"{options['name']} is registered. The observer shows it within a tick.")
