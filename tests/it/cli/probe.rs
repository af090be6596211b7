//! `vectors probe`, figures and receipts in what commands print.

use super::steerscope as command;

/// Exit status, standard output, standard error.
fn steerscope(args: &[&str]) -> (i32, String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = command(&home).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap_or(-1);
    (status, text(output.stdout), text(output.stderr))
}

#[test]
fn a_shipped_vector_gets_its_receipt_as_table_and_as_json() {
    let (status, out, _) = steerscope(&["vectors", "probe", "kindness", "--layer", "2"]);
    assert_eq!(status, 0, "{out}");
    for check in [
        "shape", "zero", "place", "count", "cache", "sign", "geometry", "effect", "null",
    ] {
        assert!(out.lines().any(|l| l.contains(check)), "{check}: {out}");
    }
    let (status, out, _) = steerscope(&[
        "vectors",
        "probe",
        "kindness",
        "--layer",
        "2",
        "--operator",
        "project",
        "--mask",
        "all",
        "--json",
    ]);
    assert_eq!(status, 0, "{out}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["complete"], true);
    assert_eq!(json["site"]["operator"], "project");
    assert_eq!(json["items"].as_array().unwrap().len(), 9);
}

#[test]
fn a_probe_that_cannot_be_made_says_why() {
    let (status, _, err) = steerscope(&["vectors", "probe", "kindness", "--operator", "angular"]);
    assert_eq!(status, 1);
    assert!(err.contains("takes two"), "{err}");
    let (status, _, err) = steerscope(&["vectors", "probe", "kindness", "--coefficient=3e38"]);
    assert_eq!(status, 1);
    assert!(err.contains("a check failed"), "{err}");
}

#[test]
fn a_measurement_is_drawn_and_carries_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("response.svg");
    let path = plot.to_str().unwrap();
    let flags = [
        "measure",
        "--vector",
        "kindness",
        "--dataset",
        "kindness",
        "--limit",
        "8",
        "--no-store",
        "--json",
        "--plot",
        path,
    ];
    let (status, out, err) = steerscope(&flags);
    assert_eq!(status, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["receipt"]["complete"], true);
    assert!(
        std::fs::read_to_string(&plot)
            .unwrap()
            .contains("kindness on kindness")
    );
    // What is there is not replaced unasked.
    let (status, _, err) = steerscope(&flags);
    assert_eq!(status, 1);
    assert!(err.contains("--force"), "{err}");
}

#[test]
fn a_bundle_repeats_its_measurement_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let (status, _, err) = steerscope(&[
            "measure",
            "--vector",
            "kindness",
            "--dataset",
            "kindness",
            "--layer",
            "2",
            "--limit",
            "6",
            "--no-store",
            "--bundle",
            path.to_str().unwrap(),
        ]);
        assert_eq!(status, 0, "{err}");
        path
    };
    let (a, b) = (write("a"), write("b"));
    let names = [
        "vector.safetensors",
        "vector.gguf",
        "card.toml",
        "dataset.jsonl",
        "results.csv",
        "receipt.json",
        "summary.json",
        "transcripts.jsonl",
        "COMMANDS.md",
        "plots/response.svg",
        "plots/response.png",
    ];
    for name in names {
        let bytes = std::fs::read(a.join(name)).unwrap();
        assert!(
            !bytes.is_empty() && bytes == std::fs::read(b.join(name)).unwrap(),
            "{name}"
        );
    }
    let commands = std::fs::read_to_string(a.join("COMMANDS.md")).unwrap();
    assert!(
        commands.contains("--control-vector-layer-range 2 2"),
        "{commands}"
    );
    // What it says repeats it: the written vector on the written rows.
    let vector = a.join("vector.safetensors");
    let rows = a.join("dataset.jsonl");
    let (status, out, err) = steerscope(&[
        "measure",
        "--vector",
        vector.to_str().unwrap(),
        "--dataset",
        rows.to_str().unwrap(),
        "--layer",
        "2",
        "--limit",
        "6",
        "--no-store",
        "--csv",
    ]);
    assert_eq!(status, 0, "{err}");
    assert_eq!(out, std::fs::read_to_string(a.join("results.csv")).unwrap());
    // The GGUF lands on the same block with the same numbers.
    let native = ::steerscope::steering::SteeringVector::load(&vector).unwrap();
    let gguf = ::steerscope::steering::SteeringVector::load(&a.join("vector.gguf")).unwrap();
    assert_eq!(gguf.directions.get(&2), native.directions.get(&2));
    let (status, _, err) = steerscope(&[
        "measure",
        "--vector",
        "kindness",
        "--dataset",
        "kindness",
        "--no-store",
        "--bundle",
        a.to_str().unwrap(),
    ]);
    assert!(status == 1 && err.contains("--force"), "{err}");
}

#[test]
fn a_condition_steers_some_prompts_and_leaves_the_others() {
    let base = [
        "measure",
        "--vector",
        "kindness",
        "--dataset",
        "kindness",
        "--layer",
        "2",
        "--limit",
        "16",
        "--no-store",
        "--json",
    ];
    let run = |more: &[&str]| {
        let (status, out, err) = steerscope(&[&base[..], more].concat());
        assert_eq!(status, 0, "{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap()
    };
    let free = run(&[]);
    let open = run(&["--condition", "mood", "--condition-threshold=-1"]);
    assert_eq!(
        open["inputs"], free["inputs"],
        "below every similarity all are steered"
    );
    let shut = run(&["--condition", "mood", "--condition-threshold", "1"]);
    assert_eq!(shut["condition"]["steered"], 0);
    let slopes = |json: &serde_json::Value| -> Vec<f64> {
        let inputs = json["inputs"].as_array().unwrap();
        inputs
            .iter()
            .map(|i| i["steerability"].as_f64().unwrap())
            .collect()
    };
    assert!(slopes(&shut).iter().all(|s| *s == 0.0));
    // A threshold between the similarities steers exactly those above it.
    let all: Vec<f64> = open["condition"]["similarities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_f64().unwrap())
        .collect();
    let mut sorted = all.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = format!(
        "--condition-threshold={}",
        f64::midpoint(sorted[7], sorted[8])
    );
    let some = run(&["--condition", "mood", &middle]);
    assert_eq!(some["condition"]["steered"], 8);
    for ((free, some), similarity) in slopes(&free).iter().zip(slopes(&some)).zip(&all) {
        let want = if *similarity > f64::midpoint(sorted[7], sorted[8]) {
            *free
        } else {
            0.0
        };
        assert!((some - want).abs() < 1e-12);
    }
    let (status, _, err) = steerscope(
        &[
            &base[..],
            &[
                "--condition",
                "mood",
                "--condition-threshold",
                "0",
                "--multipliers=-1,0.5,1",
            ],
        ]
        .concat(),
    );
    assert!(
        status == 2 && err.contains("put 0 into the multipliers"),
        "{err}"
    );
    let generate = |threshold: &str| {
        let (status, out, err) = steerscope(&[
            "generate",
            "--prompt",
            "Tom was",
            "--vector",
            "she_he",
            "--max-tokens",
            "4",
            "--condition",
            "mood",
            "--condition-threshold",
            threshold,
        ]);
        assert_eq!(status, 0, "{err}");
        (out, err)
    };
    assert!(generate("1").1.contains("not steered") && !generate("1").0.contains("── steered"));
    assert!(generate("-1").0.contains("── steered"));
}
