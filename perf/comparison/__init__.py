"""Measures Thirteen beside other servers; perf/compare is the command."""
