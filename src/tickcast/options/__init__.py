"""Options: prices, greeks and implied volatility; chains reduced to one surface row per moment."""

from tickcast.options.pricing import Greeks, black_76, black_scholes, implied_volatility

__all__ = ["Greeks", "black_76", "black_scholes", "implied_volatility"]
