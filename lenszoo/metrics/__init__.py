"""Exact metrics: numbers from scores, labels and images, without a backend or plots."""
