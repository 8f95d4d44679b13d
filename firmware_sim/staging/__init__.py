"""Scenarios: YAML in, signed frames and the truth behind them out.

document   YAML by a safe loader: no key twice, no aliases
fields     what a value in it may be, with its unit
schema     every key of a profile and of a scenario
model      what they become
library    the shipped profiles and scenarios, and one's own
check      what no key can say of itself: that names exist, and times and places fit
world      what is true: boxes, fields and goods, moved on together
actor      what a device takes of it, faults included; what a thief or a clone says
offline    frames into a folder
planned    a scenario as a plan that the people of a node can follow
online     devices that speak to a gateway, in real time, faster, or at once
truth      the ground truth, as JSON lines
plot       measured and true temperature as a picture
program    the command line
"""
