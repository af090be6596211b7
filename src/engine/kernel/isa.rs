//! Which instruction set is used: the best of the machine, or the one that a variable names.

use std::sync::OnceLock;

use super::Isa;
use crate::engine::EngineError;

/// Names an instruction set for comparisons and for machines whose best one is not their fastest.
const VARIABLE: &str = "STEERSCOPE_ISA";

impl Isa {
    /// The one in use.
    pub(in crate::engine) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        // A name that cannot be followed is refused where a model is loaded.
        *BEST.get_or_init(|| Self::chosen().unwrap_or_else(|_| Self::detected()))
    }

    /// The one that the environment names, else the best.
    ///
    /// # Errors
    /// [`EngineError::Isa`] for names that are unknown or not of this machine.
    pub(in crate::engine) fn chosen() -> Result<Self, EngineError> {
        match std::env::var(VARIABLE) {
            Ok(name) if !name.trim().is_empty() => Self::named(name.trim()),
            _ => Ok(Self::detected()),
        }
    }

    fn named(name: &str) -> Result<Self, EngineError> {
        let there = Self::available();
        let found = there.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, isa)| *isa).ok_or_else(|| EngineError::Isa {
            name: name.to_owned(),
            known: there.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", "),
        })
    }

    fn detected() -> Self {
        Self::available()
            .last()
            .map_or(Self::Portable, |(_, isa)| *isa)
    }

    /// Those of this machine by name, the best last.
    fn available() -> Vec<(&'static str, Self)> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "there is nothing better elsewhere")
        )]
        let mut all = vec![("portable", Self::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if avx2 {
                all.push(("avx2", Self::Avx2));
                if is_x86_feature_detected!("avx512f") {
                    all.push(("avx512", Self::Avx512));
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_machines_are_refused_with_those_of_this_one() {
        assert_eq!(Isa::named("Portable").expect("always there"), Isa::Portable);
        let said = Isa::named("sse9").expect_err("unknown");
        assert_eq!(said.id(), "isa-unknown");
        let said = said.to_string();
        assert!(said.contains("sse9") && said.contains("portable"), "{said}");
        for (name, isa) in Isa::available() {
            assert_eq!(Isa::named(name).expect("of this machine"), isa);
        }
    }
}
