"""Istio in our own words. Pure: standard library only, no Django, no I/O, no clock."""
