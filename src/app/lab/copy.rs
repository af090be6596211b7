//! The laboratory's figures as tab-separated text for the clipboard.

use std::fmt::Write as _;

use crate::app::App;
use crate::app::screen::Screen;

impl App {
    /// The figures of the screen, one row per line; `None` while there are none.
    pub(in crate::app) fn lab_text(&self) -> Option<String> {
        let mut out = String::new();
        match self.screen {
            Screen::Explore | Screen::Vectors => return None,
            Screen::Layers => self.layers_text(&mut out),
            Screen::Datasets if self.lab.across_vectors => self.vectors_text(&mut out),
            Screen::Factors | Screen::Datasets => self.datasets_text(&mut out),
            Screen::Shift => self.shift_text(&mut out),
            Screen::Predictors => self.predictors_text(&mut out),
            Screen::Controls => self.controls_text(&mut out),
            Screen::Tokens => self.tokens_text(&mut out),
            Screen::Fan => self.fan_text(&mut out),
        }
        (out.lines().count() > 1).then_some(out)
    }

    fn layers_text(&self, out: &mut String) {
        let layers = &self.lab.layers;
        out.push_str("block\tscale\tn\tmean\tmedian\tvariance\tanti_steerable");
        for m in layers.grid() {
            let _ = write!(out, "\t{}@{m}", layers.figure.title().replace(' ', "_"));
        }
        out.push('\n');
        for line in layers.lines() {
            let _ = write!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                line.block,
                line.scale,
                line.n,
                field(line.mean),
                field(line.median),
                field(line.variance),
                field(line.anti)
            );
            for cell in &line.cells {
                let _ = write!(out, "\t{}", field(cell.get(layers.figure)));
            }
            out.push('\n');
        }
    }

    fn datasets_text(&self, out: &mut String) {
        out.push_str("dataset\tvector\tinput\tsteerability\tpositive_is_a\tpositive_is_yes\n");
        let yes = |x: Option<bool>| x.map_or("", |x| if x { "1" } else { "0" });
        for r in &self.lab.responses.items {
            for (i, (slope, a, word)) in r.inputs.iter().enumerate() {
                let (a, word) = (yes(*a), yes(*word));
                let _ = writeln!(
                    out,
                    "{}\t{}\t{i}\t{slope}\t{a}\t{word}",
                    r.dataset, r.vector
                );
            }
        }
    }

    fn vectors_text(&self, out: &mut String) {
        out.push_str("vector\tblock\trecommended_block\tscale\tkappa\tinput\tsteerability\n");
        for r in self.lab.vectors().into_iter().flat_map(|t| &t.rows) {
            let kappa = r.kappa.map_or_else(String::new, |k| k.to_string());
            for (i, slope) in r.slopes.iter().enumerate() {
                let name = crate::text::one_line(&r.name);
                let _ = writeln!(
                    out,
                    "{name}\t{}\t{}\t{}\t{kappa}\t{i}\t{slope}",
                    r.block,
                    u8::from(r.recommended),
                    r.scale
                );
            }
        }
    }

    fn controls_text(&self, out: &mut String) {
        out.push_str("group\tname\tdirection\tmean_steerability\n");
        for g in self.lab.controls.items.iter().flat_map(|t| &t.groups) {
            for (i, mean) in g.means.iter().enumerate() {
                let _ = writeln!(out, "{:?}\t{}\t{i}\t{mean}", g.group, g.name);
            }
        }
    }

    fn tokens_text(&self, out: &mut String) {
        out.push_str("index\tid\ttoken\tkl\tlog_p_unsteered\tlog_p_steered\tprojection_unsteered\tprojection_steered\n");
        for (i, t) in self
            .lab
            .strip()
            .into_iter()
            .flat_map(|s| &s.rows)
            .enumerate()
        {
            let _ = writeln!(
                out,
                "{i}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                t.id,
                crate::text::one_line(&t.text),
                t.kl,
                t.log_probability.0,
                t.log_probability.1,
                t.projection.0,
                t.projection.1
            );
        }
    }

    fn fan_text(&self, out: &mut String) {
        out.push_str("lane\ttext\n");
        for lane in &self.lab.fan.items {
            let _ = writeln!(out, "{}\t{}", lane.label, crate::text::one_line(&lane.text));
        }
    }

    fn shift_text(&self, out: &mut String) {
        out.push_str("dataset\ttrain\ttest\tsteerability\tvariance\trelative\n");
        for t in &self.lab.shifts.items {
            for (i, train) in t.train.iter().enumerate() {
                for (j, test) in t.test.iter().enumerate() {
                    let at = |m: &Vec<Vec<Option<f64>>>| {
                        field(m.get(i).and_then(|row| row.get(j)).copied().flatten())
                    };
                    let (s, v) = (at(&t.steerability), at(&t.variance));
                    let _ = writeln!(
                        out,
                        "{}\t{train}\t{test}\t{s}\t{v}\t{}",
                        t.dataset,
                        at(&t.relative)
                    );
                }
            }
        }
    }

    fn predictors_text(&self, out: &mut String) {
        out.push_str(
            "dataset\tblock\tpairs\tdirectional\tleave_one_out\tpairwise\td_prime_held_out\tauc_held_out\toverlap_held_out\td_prime_in_sample\tstability\n",
        );
        for p in &self.lab.predictions.items {
            let held = p.held_out.as_ref();
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                p.dataset,
                p.block,
                p.pairs,
                field(p.directional),
                field(p.leave_one_out),
                field(p.pairwise),
                field(held.and_then(|h| h.d_prime)),
                field(held.and_then(|h| h.auc)),
                field(held.and_then(|h| h.overlap)),
                field(p.in_sample.d_prime),
                field(p.stability.map(|s| s.0))
            );
        }
    }
}

fn field(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}
