//! How big the proofs are: in the suite each takes less than 20 seconds, alone on a machine of two cores.

use std::time::Duration;

/// The size of a proof in the suite, and of the whole.
pub(crate) const fn scaled(suite: usize, whole: usize) -> usize {
    if crate::WHOLE { whole } else { suite }
}

/// How long a proof may take before it has failed; much more than it needs, since others run beside it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if crate::WHOLE { 900 } else { 90 });
