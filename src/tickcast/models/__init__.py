"""Forecasters and network backbones."""
