"""The words of the Core Business Vocabulary 2.0, by the member of an event that they stand in.

In JSON a word of the vocabulary stands bare (``receiving``); its two full spellings are the URN
of earlier versions (``urn:epcglobal:cbv:bizstep:receiving``) and a web URI
(``https://ref.gs1.org/cbv/BizStep-receiving``). Any other URI is a word of somebody's own.

Every disposition may also be a persistent one: the standard makes no difference there.

Source: CBV 2.0 (GS1, June 2022) 7 and 9; the lists of the EPCIS 2.0.1 JSON schema, which are the
same. The measurement types and alert types are words of the GS1 Web Vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CBV: Final = "https://ref.gs1.org/cbv/"
GS1_VOCABULARY: Final = "https://gs1.org/voc/"


@dataclass(frozen=True, slots=True)
class WordList:
    """One list of the vocabulary.

    Attributes:
        name: what one word of it is called.
        web: what stands before the word in its web URI.
        urn: what stands before it in its URN; empty where the list has none.
        words: the bare words.
        example: the word that messages show.
    """

    name: str
    web: str
    urn: str
    words: frozenset[str]
    example: str

    def has(self, text: str) -> bool:
        """Whether ``text`` is a word of this list, bare or in either full spelling."""
        if text in self.words:
            return True
        bare = text.removeprefix(self.urn) if self.urn else text
        return (bare if bare != text else text.removeprefix(self.web)) in self.words

    def claims(self, text: str) -> bool:
        """Whether ``text`` is a URI that only words of this list may have."""
        return bool(self.urn) and text.startswith((self.urn, self.web))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEPS: Final = WordList(
    "business step",
    CBV + "BizStep-",
    "urn:epcglobal:cbv:bizstep:",
    _words(
        "accepting arriving assembling collecting commissioning consigning creating_class_instance "
        "cycle_counting decommissioning departing destroying disassembling dispensing encoding "
        "entering_exiting holding inspecting installing killing loading other packing picking receiving "
        "removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting "
        "shipping staging_outbound stock_taking stocking storing transporting unloading unpacking "
        "void_shipping"
    ),
    "receiving",
)

DISPOSITIONS: Final = WordList(
    "disposition",
    CBV + "Disp-",
    "urn:epcglobal:cbv:disp:",
    _words(
        "active available completeness_inferred completeness_verified conformant container_closed "
        "container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit "
        "inactive mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match "
        "non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned "
        "sellable_accessible sellable_not_accessible stolen unavailable unknown"
    ),
    "in_transit",
)

TRANSACTION_TYPES: Final = WordList(
    "business transaction type",
    CBV + "BTT-",
    "urn:epcglobal:cbv:btt:",
    _words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"),
    "desadv",
)

PARTY_TYPES: Final = WordList(
    "source or destination type",
    CBV + "SDT-",
    "urn:epcglobal:cbv:sdt:",
    _words("location owning_party possessing_party"),
    "possessing_party",
)

ERROR_REASONS: Final = WordList(
    "error reason",
    CBV + "ER-",
    "urn:epcglobal:cbv:er:",
    _words("did_not_occur incorrect_data"),
    "incorrect_data",
)

COMPONENTS: Final = WordList(
    "component",
    CBV + "Comp-",
    "urn:epcglobal:cbv:comp:",
    _words(
        "altitude axial_distance azimuth easting elevation_angle height latitude longitude northing "
        "polar_angle spherical_radius x y z"
    ),
    "latitude",
)

MEASUREMENT_TYPES: Final = WordList(
    "measurement type",
    GS1_VOCABULARY,
    "",
    _words(
        "AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance "
        "AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area "
        "Capacitance Conductance Conductivity Count Density Dimensionless DoseEquivalent "
        "DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity "
        "ElectricFieldStrength Energy Exposure Force Frequency Illuminance Inductance Irradiance "
        "KinematicViscosity Length LinearMomentum Luminance LuminousFlux LuminousIntensity MagneticFlux "
        "MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate MassPerAreaTime "
        "MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux "
        "RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle "
        "SpecificVolume Speed SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume "
        "VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber"
    ),
    "Temperature",
)

ALERT_TYPES: Final = WordList(
    "sensor alert type", GS1_VOCABULARY, "", _words("ALARM_CONDITION ERROR_CONDITION"), "ALARM_CONDITION"
)

BY_FIELD: Final[Mapping[str, WordList]] = {
    "bizStep": BIZ_STEPS,
    "disposition": DISPOSITIONS,
    "bizTransactionType": TRANSACTION_TYPES,
    "sourceDestinationType": PARTY_TYPES,
    "errorReason": ERROR_REASONS,
    "measurementType": MEASUREMENT_TYPES,
    "exception": ALERT_TYPES,
    "component": COMPONENTS,
}
"""Each list by the member it stands in; where that is called ``type``, by what is meant."""

ILMD_ATTRIBUTES: Final = _words(
    "additionalTradeItemID bestBeforeDate certificationList countryOfExport countryOfOrigin "
    "descriptionShort dosageFormType drainedWeight farmList firstFreezeDate functionalName "
    "grossWeight growingMethodCode harvestEndDate harvestStartDate itemExpirationDate "
    "labelDescription lotNumber manufacturerOfTradeItemPartyName netContentDescription netWeight "
    "preservationTechniqueCode productionMethodForFishAndSeafoodCode regulatedProductName sellByDate "
    "speciesForFisheryStatisticsPurposesCode speciesForFisheryStatisticsPurposesName "
    "storageStateCode strengthDescription tradeItemConditionCode tradeItemDescription unloadingPort "
    "vesselCatchInformationList"
)
"""Master data of trade items and lots, written ``cbvmda:bestBeforeDate`` in ``ilmd``."""
