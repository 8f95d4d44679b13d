"""What is true around a sensor, and what the sensor makes of it. Pure, and the same everywhere.

Only additions, multiplications, divisions and square roots of doubles (IEEE 754 rounds these four
in one way), no other library function, and noise from SHA-256: so every platform and every
version of Python gives the same readings. Constants are sourced, or said to be assumed.

    noise     numbers that look random and follow from their arguments
    outdoors  day and night, sun, rain, and the soil that lags behind
    food      how warm a product is by the heat in it, freezing included
    cooling   a refrigeration unit: its control and its defrosts
    thermal   air and product in an insulated box, with every heat flow accounted for
    route     where a truck or a train is
    sensor    lag, gain, offset, drift, noise, resolution, a calibration, and a battery
"""
