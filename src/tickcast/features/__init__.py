"""Expressions over market events, evaluated by one engine in batch and live."""
