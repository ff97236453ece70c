//! What happened to whom in the year before today.
//!
//! Owns the choice of the story; each story writes its visits, readings, prescriptions and documents into a `File`.
//! Trends follow what is usual for the disease and its treatment, with a little chance around them.

mod chronic;
mod diabetes;
mod growing;
mod passing;

use super::file::File;
use super::people::Course;

/// Writes the patient's year.
pub fn write(file: &mut File<'_>) {
    match file.person.course {
        Course::DiabetesWithPotassium => diabetes::with_potassium(file),
        Course::DiabetesImproving => diabetes::improving(file),
        Course::DiabetesKidneys => diabetes::kidneys(file),
        Course::Hypertension => chronic::hypertension(file),
        Course::Anaemia => chronic::anaemia(file),
        Course::Thyroid => chronic::thyroid(file),
        Course::Lungs => chronic::lungs(file),
        Course::Warfarin => chronic::warfarin(file),
        Course::Gout => chronic::gout(file),
        Course::Pregnancy(weeks) => growing::pregnancy(file, i64::from(weeks)),
        Course::WellChild => growing::well_child(file),
        Course::ChildAsthma => growing::asthma(file),
        Course::ShortIllness => passing::short_illness(file),
        Course::Joints => passing::joints(file),
        Course::Once => passing::once(file),
        Course::NeverSeen => {}
    }
}
