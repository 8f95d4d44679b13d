"""The world of the demonstration: a journey with sensors, a market around it, and people with work to do.

journey     strawberries, milk and a yoghurt, told as the simulated devices measure them
firms       other firms and their products
market      what they recorded in the last three weeks
shelves     what each firm is, its products, places, rooms and vehicles
people      who may look around, and by which links
alarms      what is done about those that are raised meanwhile
casework    an inspection, a recall, a drill, a shopper's report
world       all of it, played
deletion    the end of it
"""
