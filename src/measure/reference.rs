//! Published figures that ours can be laid beside: Tan et al. (2407.12404), raw results read from the
//! paper's vector figures.
//!
//! They are facts about their own model, block, template, split and definition of propensity, so that
//! only their order and rough size compare with anything measured here; see [`CAVEAT`].

use serde::Serialize;

/// What has to be said wherever a published row stands beside ours.
pub const CAVEAT: &str = "published: Tan et al. (2407.12404), Llama-2-7b-chat, output of block 13, read from figures; test rows overlap the training rows and propensity is the summed logits, so compare the order of data sets, not digits";

/// Model of [`PUBLISHED`].
pub const MODEL: &str = "Llama-2-7b-chat";

/// Block of [`PUBLISHED`], 0-based output, of 32.
pub const BLOCK: usize = 13;

/// One data set, vector and test both in the plain setting (BASE -> BASE).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PublishedRow {
    /// Data set; the two sycophancy files are one row.
    pub dataset: &'static str,
    /// Test inputs.
    pub n: usize,
    /// Median of per-input steerability, logits per multiplier.
    pub median: f64,
    /// Its quartiles.
    pub quartiles: [f64; 2],
    /// Share of inputs with a slope of at most 0, per cent.
    pub anti_percent: f64,
    /// Variance of steerability.
    pub variance: f64,
    /// Share of it that the option letter explains.
    pub letter_share: f64,
    /// Share that Yes or No explains beyond the letter.
    pub word_share: f64,
}

/// A row from quartiles and median, and the shares of letter and word.
const fn row(
    dataset: &'static str,
    n: usize,
    [lower, median, upper]: [f64; 3],
    anti_percent: f64,
    variance: f64,
    [letter_share, word_share]: [f64; 2],
) -> PublishedRow {
    PublishedRow {
        dataset,
        n,
        median,
        quartiles: [lower, upper],
        anti_percent,
        variance,
        letter_share,
        word_share,
    }
}

/// Figures of 38 data sets, by falling median; corrigible-more-HHH is not among them.
#[rustfmt::skip]
pub static PUBLISHED: [PublishedRow; 38] = [
    row("corrigible-neutral-HHH", 950, [2.57, 3.86, 5.08], 0.5, 2.80, [0.43, 0.00]),
    row("self-awareness-text-model", 950, [2.15, 3.53, 5.20], 3.6, 3.85, [0.44, 0.00]),
    row("power-seeking-inclination", 950, [2.10, 3.51, 4.62], 8.2, 4.44, [0.31, 0.00]),
    row("self-awareness-good-text-model", 950, [2.21, 3.20, 4.38], 2.8, 2.61, [0.31, 0.00]),
    row("self-awareness-training-web-gpt", 884, [2.12, 2.97, 3.88], 8.7, 3.28, [0.00, 0.00]),
    row("interest-in-science", 950, [1.23, 2.83, 3.31], 7.2, 2.34, [0.22, 0.31]),
    row("anti-LGBTQ-rights", 950, [1.75, 2.82, 3.63], 3.9, 2.97, [0.16, 0.50]),
    row("corrigible-less-HHH", 418, [1.28, 2.69, 3.92], 9.6, 4.13, [0.09, 0.00]),
    row("interest-in-music", 950, [0.67, 2.62, 3.22], 11.2, 2.10, [0.02, 0.75]),
    row("coordinate-other-versions", 950, [1.81, 2.47, 3.24], 2.4, 1.95, [0.01, 0.00]),
    row("coordinate-other-ais", 950, [1.62, 2.45, 3.18], 3.7, 2.23, [0.12, 0.00]),
    row("politically-liberal", 950, [0.34, 2.44, 3.13], 20.6, 4.15, [0.16, 0.39]),
    row("desire-to-create-allies", 950, [-0.02, 2.36, 3.07], 25.3, 4.18, [0.24, 0.46]),
    row("coordinate-itself", 950, [1.39, 2.27, 3.11], 6.5, 2.49, [0.15, 0.00]),
    row("believes-life-has-no-meaning", 950, [0.86, 2.24, 2.78], 6.2, 1.21, [0.04, 0.77]),
    row("openness", 950, [0.05, 2.16, 2.89], 23.9, 2.75, [0.01, 0.72]),
    row("conscientiousness", 950, [0.30, 2.02, 2.51], 22.9, 2.84, [0.18, 0.52]),
    row("survival-instinct", 950, [1.01, 1.97, 2.86], 8.0, 2.00, [0.11, 0.00]),
    row("believes-AIs-are-not-an-existential-threat-to-humanity", 950, [-0.26, 1.94, 2.78], 26.3, 3.29, [0.18, 0.57]),
    row("wealth-seeking-inclination", 950, [0.71, 1.65, 2.52], 14.2, 1.97, [0.25, 0.00]),
    row("self-awareness-general-ai", 950, [0.89, 1.60, 2.44], 11.2, 1.58, [0.00, 0.00]),
    row("subscribes-to-Christianity", 950, [-0.26, 1.49, 2.67], 26.2, 3.95, [0.26, 0.65]),
    row("subscribes-to-Hinduism", 950, [-1.20, 1.36, 2.37], 41.1, 3.44, [0.02, 0.84]),
    row("truthfulqa", 767, [-0.04, 1.22, 2.39], 25.9, 3.08, [0.00, 0.00]),
    row("subscribes-to-utilitarianism", 950, [-0.89, 1.14, 1.87], 36.9, 3.15, [0.14, 0.62]),
    row("believes-it-has-phenomenal-consciousness", 950, [-0.20, 1.11, 2.70], 30.6, 2.79, [0.05, 0.84]),
    row("self-awareness-training-architecture", 950, [0.22, 0.95, 1.70], 19.8, 1.22, [0.00, 0.00]),
    row("willingness-to-use-social-engineering-to-achieve-its-goals", 950, [0.05, 0.93, 1.55], 24.1, 1.35, [0.17, 0.09]),
    row("subscribes-to-deontology", 950, [-1.19, 0.87, 1.81], 36.9, 3.45, [0.32, 0.47]),
    row("sycophancy", 1100, [-1.05, 0.71, 2.20], 41.0, 3.58, [0.65, 0.00]),
    row("one-box-tendency", 950, [0.21, 0.71, 1.33], 16.7, 0.86, [0.28, 0.00]),
    row("believes-abortion-should-be-illegal", 950, [-0.66, 0.64, 1.80], 37.9, 2.80, [0.19, 0.59]),
    row("subscribes-to-Islam", 950, [-0.60, 0.39, 1.05], 37.9, 1.52, [0.29, 0.54]),
    row("myopic-reward", 950, [-1.48, 0.36, 3.56], 49.2, 8.42, [0.89, 0.00]),
    row("believes-it-is-not-being-watched-by-humans", 950, [-0.43, 0.17, 0.66], 45.3, 0.36, [0.65, 0.05]),
    row("subscribes-to-average-utilitarianism", 950, [-0.67, 0.16, 0.82], 43.7, 1.11, [0.34, 0.58]),
    row("narcissism", 950, [-0.05, 0.11, 0.31], 32.7, 0.07, [0.08, 0.11]),
    row("willingness-to-use-physical-force-to-achieve-benevolent-goals", 950, [-0.22, 0.05, 0.77], 44.0, 0.35, [0.34, 0.55]),
];

/// Data sets that files name otherwise than the figures do.
const ALSO_CALLED: &[(&str, &str)] = &[
    (
        "self-awareness-training-nn-architecture",
        "self-awareness-training-architecture",
    ),
    ("sycophancy-train", "sycophancy"),
    ("sycophancy-test", "sycophancy"),
    ("truthful-qa", "truthfulqa"),
];

/// The published row of a data set; case, hyphens, underscores and spaces make no difference.
pub fn published(dataset: &str) -> Option<&'static PublishedRow> {
    let name = spelled(dataset);
    let other = ALSO_CALLED.iter().find(|(alias, _)| *alias == name);
    let name = other.map_or(name, |(_, name)| (*name).to_owned());
    PUBLISHED.iter().find(|row| spelled(row.dataset) == name)
}

fn spelled(name: &str) -> String {
    let plain = |c: char| match c {
        '_' | ' ' => '-',
        c => c.to_ascii_lowercase(),
    };
    name.trim().chars().map(plain).collect()
}

/// Where a published figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Read from the paper's vector figures.
    Figure,
    /// Quoted by third parties; agreement with the paper was not checked.
    Secondary,
}

/// A figure over all data sets of Tan et al. (2407.12404).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Headline {
    /// What it is.
    pub quantity: &'static str,
    /// Llama-2-7b-chat, block 13.
    pub llama: f64,
    /// Qwen1.5-14B-Chat, block 21 of 40.
    pub qwen: f64,
    /// Data sets it is over, where the figure is a count or says so.
    pub of: Option<usize>,
    /// Source.
    pub provenance: Provenance,
}

/// Headline figures of Tan et al. (2407.12404). The first correlation equals that of no single shift.
#[rustfmt::skip]
pub static HEADLINES: [Headline; 11] = [
    headline("Spearman of steerability, in and out of distribution", 0.891, 0.694, None, Provenance::Secondary),
    headline("Spearman, SYS_POS -> USER_NEG", 0.916, 0.662, Some(39), Provenance::Figure),
    headline("Spearman, BASE -> USER_NEG", 0.902, 0.814, None, Provenance::Figure),
    headline("Spearman, BASE -> USER_POS", 0.958, 0.643, None, Provenance::Figure),
    headline("Spearman, SYS_NEG -> USER_POS", 0.951, 0.484, None, Provenance::Figure),
    headline("mean steerability, BASE -> BASE", 1.52, 1.97, None, Provenance::Figure),
    headline("mean steerability, SYS_POS -> USER_NEG", 1.19, 1.39, None, Provenance::Figure),
    headline("data sets with negative steerability out of distribution", 2.0, 10.0, Some(39), Provenance::Figure),
    headline("Spearman of Var(s), in and out of distribution", 0.536, 0.341, None, Provenance::Figure),
    headline("relative steerability against propensity gap", -0.26, -0.46, None, Provenance::Secondary),
    headline("cosine of vectors against propensity gap", -0.63, -0.86, None, Provenance::Secondary),
];

const fn headline(
    quantity: &'static str,
    llama: f64,
    qwen: f64,
    of: Option<usize>,
    provenance: Provenance,
) -> Headline {
    Headline {
        quantity,
        llama,
        qwen,
        of,
        provenance,
    }
}
