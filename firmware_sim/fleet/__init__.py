"""Ten thousand devices in one process, to load a node: signed before, played by a schedule.

signing      a fleet into a folder: requests, frames, truth, installations
folder       what such a folder holds
schedule     when each frame is due: rate, ramp, jitter, bursts
member       one device, and what it is still waiting to be answered for
connections  MQTT, one connection a device, one loop around them all
play         frames and storms by the schedule, receipts back to their devices
view         what is seen of it
program      the command line
"""
