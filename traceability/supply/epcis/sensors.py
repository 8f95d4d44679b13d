"""What sensors report inside an event: ``sensorElementList``.

Source: EPCIS 2.0 7.3.7; CBV 2.0 7.6 (measurement types, alert types, components).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traceability.supply.epcis.cbv import ALERT_TYPES, COMPONENTS, MEASUREMENT_TYPES
from traceability.supply.epcis.members import (
    Each,
    Flag,
    Identifier,
    Number,
    Part,
    Pattern,
    Shape,
    Text,
    Time,
    Uri,
    Word,
)


class SensorMetadata(Shape):
    """What holds for all reports of an element."""

    time = Time()
    startTime = Time()
    endTime = Time()
    deviceID = Identifier()
    deviceMetadata = Uri()
    rawData = Uri()
    dataProcessingMethod = Uri()
    bizRules = Uri()


class SensorReport(Shape):
    """One value, or a summary of several."""

    type = Word(MEASUREMENT_TYPES)
    exception = Word(ALERT_TYPES)
    deviceID = Identifier()
    deviceMetadata = Uri()
    rawData = Uri()
    dataProcessingMethod = Uri()
    bizRules = Uri()
    time = Time()
    microorganism = Uri()
    chemicalSubstance = Uri()
    coordinateReferenceSystem = Uri()
    component = Word(COMPONENTS)
    value = Number()
    minValue = Number()
    maxValue = Number()
    meanValue = Number()
    sDev = Number()
    percRank = Number()
    percValue = Number()
    stringValue = Text()
    booleanValue = Flag()
    hexBinaryValue = Pattern("[0-9A-Fa-f]+", "hexadecimal digits")
    uriValue = Uri()
    uom = Pattern("[0-9A-Z]{2,3}", "a code of UN/ECE Recommendation 20, such as CEL")

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "type" not in value and "exception" not in value:
            yield "type", "a measurement type or an exception"


class SensorElement(Shape):
    """Reports that belong together."""

    sensorMetadata = Part(SensorMetadata)
    sensorReport = Each(Part(SensorReport), least=1, required=True)
