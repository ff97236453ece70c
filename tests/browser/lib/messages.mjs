// HL7 messages of an invented laboratory.
let count = 0;

/** An ORU^R01 with one glucose. */
export function oru({ number, family, given, birth = "19840307", sex = "F", phone = "9822012345", glucose = "131", flag = "H", at = "20260203083000+0530" }) {
  const id = `W${++count}`;
  return [
    `MSH|^~\\&|LIS|CITYPATH|CLINICVAULT|CLINIC|20260203090000+0530||ORU^R01^ORU_R01|${id}|P|2.5.1`,
    `PID|1||${number}^^^CITYPATH^MR||${family}^${given}||${birth}|${sex}|||||${phone}`,
    "PV1|1|O",
    `ORC|RE|P${id}|F${id}`,
    `OBR|1|P${id}|F${id}|2339-0^Glucose^LN|||${at}||||||||||||||||||F`,
    `OBX|1|NM|2339-0^Glucose^LN||${glucose}|mg/dL^mg/dL^UCUM|70-140|${flag}|||F|||${at}`,
    "ZLB|internal remark",
  ].join("\r") + "\r";
}

/** An ADT^A04 that registers a patient. */
export function adt({ number, family, given, birth = "19840307", sex = "F", phone = "9822012345" }) {
  const id = `W${++count}`;
  return [
    `MSH|^~\\&|LIS|CITYPATH|CLINICVAULT|CLINIC|20260203090000+0530||ADT^A04^ADT_A01|${id}|P|2.5.1`,
    "EVN||20260203090000+0530",
    `PID|1||${number}^^^CITYPATH^MR||${family}^${given}||${birth}|${sex}|||14 Lane^^Sangamner^MH^422605^IN||${phone}`,
    "PV1|1|O",
  ].join("\r") + "\r";
}

/** The code of an acknowledgement, `AA`, `AE` or `AR`. */
export const verdict = (ack) => /\rMSA\|(\w\w)/.exec(ack)?.[1];
