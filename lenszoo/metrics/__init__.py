"""Exact metrics: numbers only, from scores, labels and images."""
