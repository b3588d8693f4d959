"""What a Forecast answers: one row, two horizons, quantiles of a scaled return."""

import numpy as np

from tickcast import Forecast
from tickcast.distributions import Quantiles

levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
values = np.array([[[-1.7, -0.6, 0.0, 0.7, 1.6], [-1.6, -0.7, 0.1, 0.8, 1.8]]])  # of z, (1 row, 2 horizons, 5 levels)
forecast = Forecast(("1m", "5m"), Quantiles(levels, values), scale=np.array([[4e-4, 9e-4]]), unit="sigma")

for name, numbers in forecast.outputs().items():
    print(f"{name:>5}", " ".join(f"{number:+.6f}" for number in numbers[0]))
print("P(loss beyond 10 bp)", forecast.cdf(-1e-3)[0].round(4))
