// Which standard search parameters are indexed. Each costs index entries on every write, so the list is a choice.

const PERSON =
  "identifier name family given phone email telecom gender active address address-city address-country address-postalcode address-state";

/** For every type that is not listed below: those of these names that the type has. */
export const EVERY =
  "identifier patient subject date status code category encounter type name title url version author authored performer recipient sender period started created source context based-on part-of questionnaire";

export const CHOSEN = {
  Patient: `${PERSON} birthdate address-use deceased death-date general-practitioner organization link language`,
  Practitioner: `${PERSON} communication`,
  RelatedPerson: "identifier name phone email telecom gender active address address-city birthdate patient relationship",
  Person: "identifier name phone email telecom gender address address-city birthdate patient link organization",
  PractitionerRole: "identifier practitioner organization role specialty active location date phone email telecom service",
  Organization: "identifier name active type partof address address-city address-state address-postalcode endpoint",
  Location: "identifier name status type organization partof operational-status address address-city address-state address-postalcode",
  Observation:
    "identifier patient subject encounter date code category status value-quantity value-concept value-string value-date performer specimen based-on part-of has-member derived-from device focus method data-absent-reason component-code combo-code component-value-quantity",
  Condition:
    "identifier patient subject encounter code category clinical-status verification-status onset-date abatement-date recorded-date severity asserter body-site evidence",
  AllergyIntolerance:
    "identifier patient code clinical-status verification-status category criticality type date onset last-date recorder asserter severity manifestation route",
  MedicationRequest:
    "identifier patient subject encounter code status intent authoredon medication requester category priority date intended-dispenser",
  MedicationStatement: "identifier patient subject code status effective medication category context source part-of",
  MedicationAdministration: "identifier patient subject code status effective-time medication context performer request device reason-given",
  MedicationDispense: "identifier patient subject code status whenhandedover whenprepared medication context performer prescription receiver type",
  Medication: "identifier code status form ingredient ingredient-code lot-number expiration-date manufacturer",
  DiagnosticReport:
    "identifier patient subject encounter date code category status issued performer result based-on conclusion results-interpreter specimen media",
  DocumentReference:
    "identifier patient subject encounter date type category status author period facility custodian related relatesto contenttype description event security-label setting authenticator",
  Encounter:
    "identifier patient subject date status class type participant participant-type practitioner location service-provider reason-code reason-reference diagnosis appointment episode-of-care part-of based-on location-period length",
  Immunization:
    "identifier patient date status vaccine-code lot-number performer location status-reason manufacturer series target-disease reason-code reaction reaction-date",
  Procedure: "identifier patient subject encounter date code category status performer based-on location part-of reason-code reason-reference",
  ServiceRequest:
    "identifier patient subject encounter authored code category status intent priority requester performer performer-type occurrence based-on replaces requisition specimen body-site",
  Appointment:
    "identifier patient date status actor practitioner location service-type service-category specialty appointment-type reason-code reason-reference slot based-on part-status",
  AppointmentResponse: "identifier patient actor practitioner location appointment part-status",
  Schedule: "identifier actor date active service-type service-category specialty",
  Slot: "identifier schedule start status service-type service-category specialty appointment-type",
  CarePlan:
    "identifier patient subject encounter date status category intent activity-code activity-date activity-reference care-team condition goal based-on part-of replaces performer",
  CareTeam: "identifier patient subject encounter date status category participant",
  Goal: "identifier patient subject achievement-status category lifecycle-status start-date target-date",
  Composition:
    "identifier patient subject encounter date type category status author title section entry attester period confidentiality context related-ref",
  Specimen: "identifier patient subject type status collected accession collector bodysite container container-id parent",
  Coverage: "identifier patient beneficiary subscriber policy-holder payor status type dependent",
  AuditEvent:
    "patient date agent agent-name agent-role action type subtype entity entity-type outcome source site policy address altid",
  Provenance: "patient target recorded agent agent-role agent-type when entity location signature-type",
  Task: "identifier patient subject status code owner focus authored-on business-status encounter based-on group-identifier intent modified performer period priority requester part-of",
  QuestionnaireResponse: "identifier patient subject status authored author questionnaire encounter based-on part-of source",
  Communication: "identifier patient subject status category encounter sent received sender recipient medium based-on part-of",
  Consent: "identifier patient date status category scope action actor period purpose consentor data organization source-reference",
  Device: "identifier patient status type device-name manufacturer model organization location url udi-di udi-carrier",
  Flag: "identifier patient subject date author encounter",
  EpisodeOfCare: "identifier patient date status type condition care-manager organization incoming-referral",
  FamilyMemberHistory: "identifier patient date status code relationship sex",
  ImagingStudy: "identifier patient subject encounter started status modality bodysite basedon endpoint interpreter performer reason referrer series instance dicom-class",
  Group: "identifier actual code characteristic exclude managing-entity member type value",
  List: "identifier patient subject encounter date status code title source item empty-reason",
  Account: "identifier patient subject name owner period status type",
  ChargeItem: "identifier patient subject account code context entered-date enterer occurrence performing-organization service",
  Invoice: "identifier patient subject account date issuer participant recipient status type totalgross totalnet",
};
