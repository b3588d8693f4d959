"""Options: prices, greeks and implied volatility; chains reduced to one surface row per moment."""

from tickcast.options.chains import TROUBLES, UsableQuotes, price_chains, surface
from tickcast.options.pricing import Greeks, black_76, black_scholes, implied_volatility

__all__ = ["TROUBLES", "Greeks", "UsableQuotes", "black_76", "black_scholes", "implied_volatility", "price_chains", "surface"]
