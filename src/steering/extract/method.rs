//! The ways to make a vector.

use std::fmt;
use std::str::FromStr;

use super::position::PositionRead;

/// How activations become a direction, the same at every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// (1/n) Σ (a⁺ − a⁻): Tan et al. (2407.12404), CAA (Panickssery et al. 2312.06681).
    #[default]
    Mean,
    /// First right singular vector of the differences, not centred (Tan et al., appendix).
    Pca,
    /// Logistic regression on ±(a⁺ − a⁻)/2 without an intercept (Tan et al., appendix).
    Logistic,
    /// Difference of the means of two unpaired corpora (van der Weij et al. 2403.05767).
    CorpusMean,
    /// One pair of prompts, a difference at every position (Turner et al. 2308.10248).
    ActAdd,
    /// First principal component of differences with random signs (Zou et al. 2310.01405).
    Lat,
    /// First principal component of the differences, centred (repeng, `pca_diff`).
    RepengDiff,
    /// First principal component of both sides less their pair's middle (repeng, `pca_center`).
    RepengCenter,
    /// Responses generated under two system texts (Chen et al. 2507.21509).
    PersonaMean,
    /// Harmful against harmless prompts at the tokens after the instruction (Arditi et al. 2406.11717).
    RefusalMean,
    /// All tokens of positive texts against all tokens of negative ones (Wu et al. 2501.17148).
    DiffmeanTokens,
}

impl Method {
    /// All, in the order the pickers show them.
    pub const ALL: [Self; 11] = [
        Self::Mean,
        Self::Pca,
        Self::Logistic,
        Self::CorpusMean,
        Self::ActAdd,
        Self::Lat,
        Self::RepengDiff,
        Self::RepengCenter,
        Self::PersonaMean,
        Self::RefusalMean,
        Self::DiffmeanTokens,
    ];

    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Pca => "pca",
            Self::Logistic => "logistic",
            Self::CorpusMean => "corpus_mean",
            Self::ActAdd => "actadd",
            Self::Lat => "lat",
            Self::RepengDiff => "repeng_diff",
            Self::RepengCenter => "repeng_center",
            Self::PersonaMean => "persona_mean",
            Self::RefusalMean => "refusal_mean",
            Self::DiffmeanTokens => "diffmean_tokens",
        }
    }

    /// What it does, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Mean => "mean of the differences of pairs",
            Self::Pca => "first direction of the differences, not centred; unit norm",
            Self::Logistic => "logistic regression on the differences; unit norm",
            Self::CorpusMean => "means of two corpora, document by document",
            Self::ActAdd => "one pair of prompts, a difference at every position",
            Self::Lat => "first component of differences with random signs; unit norm",
            Self::RepengDiff => {
                "first component of centred differences; unit norm, may miss the mean difference"
            }
            Self::RepengCenter => "first component of both sides around their middle; unit norm",
            Self::PersonaMean => "responses generated under two system texts, unfiltered",
            Self::RefusalMean => "two kinds of prompts at the tokens after the instruction",
            Self::DiffmeanTokens => {
                "all tokens of positive texts against all of negative ones; unit norm"
            }
        }
    }

    /// Whether the result has norm 1, so that its multipliers do not compare with those of a raw
    /// difference.
    pub fn is_unit(self) -> bool {
        matches!(
            self,
            Self::Pca
                | Self::Logistic
                | Self::Lat
                | Self::RepengDiff
                | Self::RepengCenter
                | Self::DiffmeanTokens
        )
    }

    /// What multiplier 1 means, as vector files say it.
    pub fn unit(self) -> &'static str {
        if self.is_unit() {
            "unit_norm"
        } else {
            "raw_difference"
        }
    }

    /// Made from pairs, difference by difference.
    pub fn takes_pairs(self) -> bool {
        matches!(
            self,
            Self::Mean
                | Self::Pca
                | Self::Logistic
                | Self::Lat
                | Self::RepengDiff
                | Self::RepengCenter
        )
    }

    /// Needs the difference of every pair at once, not only their sum.
    pub(super) fn keeps_differences(self) -> bool {
        self.takes_pairs() && self != Self::Mean
    }

    /// The position its source reads; `answers`: rows have a prompt and two answers.
    pub fn default_read(self, answers: bool) -> PositionRead {
        match self {
            Self::Mean | Self::Pca | Self::Logistic if answers => PositionRead::Answer,
            Self::DiffmeanTokens => PositionRead::All,
            Self::ActAdd => PositionRead::Every,
            Self::PersonaMean => PositionRead::Phase(super::position::Phase::Assistant),
            _ => PositionRead::Last,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == s)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("unknown method '{s}'; use one of {}", names.join(", "))
            })
    }
}
