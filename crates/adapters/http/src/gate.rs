//! The door, as `access` keeps it: the token, its session and the membership, checked for each request.

use async_trait::async_trait;
use domicile_access::{AdmissionError, Admissions, HostelRequirement};
use domicile_kernel::{HostelId, Refusal};

use crate::ports::{Admission, Denied, Gate, Knock};

#[async_trait]
impl Gate for Admissions {
    async fn admit(&self, knock: Knock) -> Result<Admission, Denied> {
        let bearer = Some(knock.bearer.as_str());
        match Self::admit(self, bearer, HostelRequirement::Optional(knock.hostel)).await {
            Ok(admitted) => Ok(shown(admitted)),
            Err(error) => {
                // A known account at the door of a hostel that is not theirs: the trail wants to know who (J17).
                let actor = match &error {
                    AdmissionError::Refused(Refusal::NotAMember) => {
                        let known = Self::admit(self, bearer, HostelRequirement::NotNeeded).await;
                        known.ok().map(|admitted| admitted.actor)
                    }
                    _ => None,
                };
                Err(Denied { error: Box::new(error), actor })
            }
        }
    }

    fn recall(&self, bearer: &str, hostel: Option<HostelId>) -> Option<Admission> {
        Self::recall(self, Some(bearer), HostelRequirement::Optional(hostel))?.ok().map(shown)
    }
}

fn shown(admitted: domicile_access::Admission) -> Admission {
    Admission { actor: admitted.actor, flags: admitted.flags, entered: admitted.entered_as_super_admin }
}
