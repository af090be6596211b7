//! Bad input: one sentence that names the file and the remedy, exit 1 (2 for wrong usage).

use std::fs;

use super::{home, refusal, steerscope};

#[test]
fn bad_input_is_refused_with_the_file_and_the_remedy() {
    let home = home();
    let file = |name: &str, content: &[u8]| {
        let path = home.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let empty = file("empty.jsonl", b"");
    let broken = file("broken.jsonl", b"{\"prompt\": \"a\", \"positive\": \n");
    let not_a_vector = file("vector.safetensors", b"certainly not a vector");
    let missing = home.path().join("nowhere.jsonl").display().to_string();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["measure", "--dataset", &empty], 1, "empty.jsonl"),
        (&["measure", "--dataset", &broken], 1, "broken.jsonl"),
        (&["measure", "--dataset", &missing], 1, "nowhere.jsonl"),
        (&["measure", "--dataset", "kindnes"], 1, "steerscope list"),
        (
            &[
                "measure",
                "--dataset",
                "kindness",
                "--vector",
                &not_a_vector,
            ],
            1,
            "vector.safetensors",
        ),
        (
            &["measure", "--dataset", "kindness", "--layer", "99"],
            1,
            "99",
        ),
        (&["measure", "--dataset", "dialects"], 1, "dialects"),
        (
            &["generate", "--prompt", "a", "--device", "gpu"],
            2,
            "cuda:N",
        ),
        (
            &["measure", "--dataset", "kindness", "--multipliers=1,1,1"],
            2,
            "three",
        ),
        (
            &["measure", "--dataset", "kindness", "--coefficient", "0"],
            2,
            "three",
        ),
        (
            &["measure", "--dataset", "kindness", "--mask", "some"],
            2,
            "from_last_prompt",
        ),
        (
            &[
                "measure",
                "--model",
                "/no/such/model",
                "--dataset",
                "kindness",
            ],
            1,
            "/no/such/model",
        ),
        (
            &["generate", "--prompt", "x", "--temperature=-1"],
            2,
            "temperature",
        ),
    ];
    for (arguments, status, named) in cases {
        let (code, said) = refusal(steerscope(&home).args(*arguments));
        assert_eq!(code, *status, "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {said}");
        assert!(
            !said.contains("panicked") && !said.contains("backtrace"),
            "{said}"
        );
    }
}

#[test]
fn a_vector_of_another_width_is_refused() {
    let home = home();
    let Some(model) = super::shared("models/stories260K") else {
        return;
    };
    let mut command = steerscope(&home);
    command.arg("generate").arg("--model").arg(model);
    let (code, said) = refusal(command.args(["--prompt", "x", "--vector", "she_he"]));
    assert_eq!(code, 1);
    assert!(
        said.contains("64") && said.contains("another model"),
        "{said}"
    );
}

#[test]
fn an_existing_file_is_not_replaced_unless_asked() {
    let home = home();
    let path = home.path().join("mine.safetensors");
    fs::write(&path, "precious").unwrap();
    let (code, said) = refusal(
        steerscope(&home)
            .args(["extract", "--dataset", "she_he", "--out"])
            .arg(&path),
    );
    assert_eq!(code, 1);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn an_instruction_set_of_another_machine_is_refused_with_those_of_this_one() {
    let home = home();
    let generate = |isa: &str| {
        let mut command = steerscope(&home);
        command.env("STEERSCOPE_ISA", isa).args([
            "generate",
            "--prompt",
            "Once",
            "--max-tokens",
            "4",
        ]);
        command
    };
    let (code, said) = refusal(&mut generate("sse9"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("sse9") && said.contains("portable"), "{said}");
    assert!(!crate::cli::output(&mut generate("portable")).is_empty());
}

#[test]
fn a_device_that_the_build_lacks_is_refused_with_the_way_to_get_it() {
    for (built, device, feature) in [
        (cfg!(feature = "cuda"), "cuda:0", "--features cuda"),
        (cfg!(feature = "metal"), "metal", "--features metal"),
    ] {
        if built {
            println!("skipped: this build has {device}");
            continue;
        }
        let home = home();
        let arguments = ["generate", "--prompt", "a", "--device", device];
        let (code, words) = refusal(steerscope(&home).args(arguments));
        assert_eq!(code, 1);
        assert!(words.contains(feature) && words.contains(device), "{words}");
    }
}
