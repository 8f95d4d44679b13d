"""The world of the demonstration: a journey with sensors, a market around it, and people with work to do.

journey     strawberries, milk and a yoghurt, told as the simulated devices measure them
market      other firms, their products, and what they recorded in the last three weeks
"""
