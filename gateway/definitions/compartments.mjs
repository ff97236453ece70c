// compartments.txt: which search parameters put a record of a type into a compartment.
// The Patient compartment is read from the published definition; the package carries no other, so the four short ones
// stand here as the specification lists them (R4, compartmentdefinition-*). A type is always in its own compartment.
import { writeFileSync } from "node:fs";

const HEAD = `# Compartments of FHIR R4. Generated: see gateway/definitions.
# =Compartment                  the compartment whose members follow; its own type is a member whether listed or not
# Type code code ...            members of this type are those for which one of these parameters names the compartment
`;

const ENCOUNTER = `CarePlan encounter; CareTeam encounter; ChargeItem context; Claim encounter; ClinicalImpression encounter;
Communication encounter; CommunicationRequest encounter; Composition encounter; Condition encounter; DeviceRequest encounter;
DiagnosticReport encounter; DocumentManifest related-ref; DocumentReference encounter; ExplanationOfBenefit encounter;
Media encounter; MedicationAdministration context; MedicationRequest encounter; NutritionOrder encounter;
Observation encounter; Procedure encounter; QuestionnaireResponse encounter; RequestGroup encounter;
ServiceRequest encounter; VisionPrescription encounter`;

const PRACTITIONER = `Account subject; AdverseEvent recorder; AllergyIntolerance recorder asserter; Appointment actor;
AppointmentResponse actor; AuditEvent agent; Basic author; CarePlan performer; CareTeam participant;
ChargeItem enterer performer-actor; Claim enterer provider payee care-team; ClaimResponse requestor;
ClinicalImpression assessor; Communication sender recipient; CommunicationRequest sender recipient requester;
Composition subject author attester; Condition asserter; CoverageEligibilityRequest enterer provider;
CoverageEligibilityResponse requestor; DetectedIssue author; DeviceRequest requester performer;
DiagnosticReport performer; DocumentManifest subject author recipient; DocumentReference subject author authenticator;
Encounter practitioner participant; EpisodeOfCare care-manager; ExplanationOfBenefit enterer provider payee care-team;
Flag author; Group member; Immunization performer; Invoice participant; Linkage author; List source;
Media subject operator; MedicationAdministration performer; MedicationDispense performer receiver;
MedicationRequest requester; MedicationStatement source; MessageHeader receiver author responsible enterer;
NutritionOrder provider; Observation performer; Patient general-practitioner; PaymentNotice provider;
PaymentReconciliation requestor; Person practitioner; PractitionerRole practitioner; Procedure performer;
Provenance agent; QuestionnaireResponse author source; RequestGroup participant author;
ResearchStudy principalinvestigator; RiskAssessment performer; Schedule actor; ServiceRequest performer requester;
Specimen collector; SupplyDelivery supplier receiver; SupplyRequest requester; VisionPrescription prescriber`;

const RELATED_PERSON = `AdverseEvent recorder; AllergyIntolerance asserter; Appointment actor; AppointmentResponse actor;
Basic author; CarePlan performer; CareTeam participant; ChargeItem enterer performer-actor; Claim payee;
Communication sender recipient; CommunicationRequest sender recipient requester; Composition author; Condition asserter;
Coverage policy-holder subscriber payor; DocumentManifest author recipient; DocumentReference author;
Encounter participant; ExplanationOfBenefit payee; Invoice recipient; MedicationAdministration performer;
MedicationStatement source; Observation performer; Patient link; Person link; Procedure performer; Provenance agent;
QuestionnaireResponse author source; RequestGroup participant; Schedule actor; ServiceRequest performer;
SupplyRequest requester`;

const DEVICE = `Account subject; Appointment actor; AppointmentResponse actor; AuditEvent agent;
ChargeItem enterer performer-actor; Claim procedure-udi item-udi detail-udi subdetail-udi; Communication sender recipient;
CommunicationRequest sender recipient; Composition author; DetectedIssue author;
DeviceRequest device subject requester performer; DeviceUseStatement device; DiagnosticReport subject;
DocumentManifest subject author; DocumentReference subject author;
ExplanationOfBenefit procedure-udi item-udi detail-udi subdetail-udi; Flag author; Group member; Invoice participant;
List subject source; Media subject; MedicationAdministration device; MessageHeader target; Observation subject device;
Provenance agent; QuestionnaireResponse author; RequestGroup author; RiskAssessment performer; Schedule actor;
ServiceRequest performer requester; Specimen subject; SupplyRequest requester`;

// R4 keeps Task out of the Patient compartment; the package puts it in.
const ADDED = new Set(["Task"]);

export function writeCompartments(patient, parameters, out) {
  const members = patient.resource.filter((r) => r.param?.length && !ADDED.has(r.code));
  const body = ["=Patient", ...members.map((r) => `${r.code} ${r.param.join(" ")}`)];
  const written = { Encounter: ENCOUNTER, Practitioner: PRACTITIONER, RelatedPerson: RELATED_PERSON, Device: DEVICE };
  for (const [name, list] of Object.entries(written)) {
    body.push(`=${name}`, ...list.split(";").map((line) => line.trim()));
  }
  for (const line of body.filter((l) => !l.startsWith("="))) {
    const [type, ...codes] = line.split(" ");
    for (const code of codes) {
      const known = parameters.some((p) => p.code === code && p.base.includes(type) && p.type === "reference");
      if (!known) throw new Error(`${type} has no reference parameter ${code}`);
    }
  }
  writeFileSync(new URL("compartments.txt", out), HEAD + body.join("\n") + "\n");
}
