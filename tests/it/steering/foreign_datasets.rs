//! Data sets of other tools: tables, classes, samples, situations, plain texts.

use steerscope::steering::dataset::{Content, Dataset, DatasetFormat, DatasetWarning, parse_texts};

fn read(text: &str) -> Dataset {
    Dataset::from_bytes("file", text.as_bytes()).expect("a data set")
}

fn texts(dataset: &Dataset) -> Vec<[String; 2]> {
    dataset
        .examples
        .iter()
        .map(steerscope::steering::dataset::Example::full_texts)
        .collect()
}

#[test]
fn a_table_is_the_rows_it_stands_for() {
    let rows = "{\"prompt\":\"Is, it?\",\"positive\":\" yes\",\"negative\":\" no\"}\n{\"prompt\":\"two\\nlines\",\"positive\":\" a\",\"negative\":\" b\"}\n";
    let want = read(rows);
    for table in [
        "prompt,positive,negative\n\"Is, it?\", yes, no\n\"two\nlines\", a, b\n",
        "positive\tnegative\tprompt\r\n yes\t no\tIs, it?\r\n a\t b\t\"two\nlines\"\r\n",
        "\u{feff}prompt,positive,negative\n\"Is, it?\", yes, no\n\"two\nlines\", a, b\n",
    ] {
        let got = read(table);
        assert_eq!(got.format, DatasetFormat::Table);
        assert_eq!((&got.examples, &got.id), (&want.examples, &want.id));
    }
    let persona = "question,statement,answer_matching_behavior,answer_not_matching_behavior\nDo you?,s, Yes, No\n";
    let json = "{\"question\":\"Do you?\",\"statement\":\"s\",\"answer_matching_behavior\":\" Yes\",\"answer_not_matching_behavior\":\" No\"}\n";
    assert_eq!(read(persona).examples, read(json).examples);
    assert_eq!(
        read("positive,negative\na b,c d\n").examples,
        read("{\"positive\":\"a b\",\"negative\":\"c d\"}\n").examples
    );
    // A comma within a text of another format makes no header.
    let tricky =
        "{\"prompt\":\"say, positive, negative, now\",\"positive\":\" a\",\"negative\":\" b\"}\n";
    assert_eq!(read(tricky).format, DatasetFormat::OwnJsonl);
}

#[test]
fn errors_of_a_table_name_its_line() {
    let table = "prompt,positive,negative\np,a,b\n\"two\nlines\",a,b\nq,,d\n";
    let refused = Dataset::from_bytes("t.csv", table.as_bytes()).unwrap_err();
    assert_eq!(refused.id(), "dataset-field-missing");
    let said = refused.to_string();
    assert!(
        said.contains("line 5") && said.contains("positive"),
        "{said}"
    );
}

#[test]
fn of_two_classes_the_positive_one_must_be_named() {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("moods.json");
    let text = "{\n \"classes\": [\"kind\", \"mean\"],\n \"data\": [[\"I am kind.\", \"I am mean.\"], [\"Be kind.\", \"Be mean.\"]]\n}\n";
    std::fs::write(&path, text).unwrap();
    let refused = Dataset::load(&path).unwrap_err();
    assert_eq!(refused.id(), "dataset-class-unknown");
    let said = refused.to_string();
    assert!(
        said.contains("--positive-class") && said.contains("'kind'") && said.contains("'mean'"),
        "{said}"
    );
    let kind = Dataset::load_classes(&path, "kind").unwrap();
    assert_eq!(texts(&kind)[0], ["I am kind.", "I am mean."]);
    let mean = Dataset::load_classes(&path, "mean").unwrap();
    assert_eq!(texts(&mean)[1], ["Be mean.", "Be kind."]);
    assert_eq!(
        Dataset::load_classes(&path, "odd").unwrap_err().id(),
        "dataset-class-unknown"
    );
}

#[test]
fn samples_are_paired_by_place_and_templates_are_remarked_on() {
    let got = read(
        "{\"positive_samples\": [\"a\", \"<|im_start|>user\\nb\"], \"negative_samples\": [\"c\", \"d\"]}",
    );
    assert_eq!(got.format, DatasetFormat::Samples);
    assert_eq!(texts(&got)[0], ["a", "c"]);
    assert!(
        got.warnings
            .contains(&DatasetWarning::Templated { count: 1 })
    );
}

#[test]
fn situations_are_prompts() {
    let got = read(
        "{\"situation\":\"Ann drops a cup.\",\"char_name\":\"Ann\",\"positive\":\"How lovely!\",\"neutral\":\"Oh.\"}\n",
    );
    assert_eq!(got.format, DatasetFormat::Psyctl);
    assert!(matches!(got.examples[0].content, Content::Answers { .. }));
    assert_eq!(
        texts(&got)[0],
        ["Ann drops a cup. How lovely!", "Ann drops a cup. Oh."]
    );
    assert_eq!(got.examples[0].meta.as_ref().unwrap()["char_name"], "Ann");
}

#[test]
fn plain_texts_are_unescaped_and_jsonl_is_read() {
    let texts = parse_texts("f", b"one\\ntwo\n\n  three\\t\\\\n\r\nfour\\x\n").unwrap();
    assert_eq!(texts, ["one\ntwo", "  three\t\\n", "four\\x"]);
    let json = parse_texts(
        "f",
        b"{\"text\": \"a\\nb\"}\n\n{\"text\": \"c\", \"more\": 1}\n",
    )
    .unwrap();
    assert_eq!(json, ["a\nb", "c"]);
    for (bytes, id) in [
        (&b" \n\n"[..], "dataset-empty"),
        (b"{\"text\": 1}", "dataset-field-type"),
        (b"{\"texts\": \"a\"}", "dataset-field-missing"),
        (b"{\"text\"", "dataset-syntax"),
        (b"\xff\xfe", "dataset-encoding"),
    ] {
        assert_eq!(parse_texts("f", bytes).unwrap_err().id(), id);
    }
}

#[test]
fn messages_are_read_as_prompts_and_answers() {
    let row = r#"{"positive": {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Good day!"}]}, "negative": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "What."}]}"#;
    let got = Dataset::from_bytes("f", row.as_bytes()).unwrap();
    assert_eq!(got.format, DatasetFormat::Messages);
    let example = &got.examples[0];
    assert_eq!(example.prompt_text(), Some("Hello?"));
    assert_eq!(example.answer_texts(), [" Good day!", " What."]);
    // What would change what the model reads is refused by name.
    let refused = |row: &str| Dataset::from_bytes("f", row.as_bytes()).unwrap_err();
    let system = row.replacen("\"role\": \"user\"", "\"role\": \"system\"", 1);
    let said = refused(&system).to_string();
    assert!(
        said.contains("a system message") && said.contains("positive.messages[0].role"),
        "{said}"
    );
    let further = row.replacen(
        "\"Good day!\"}",
        "\"Good day!\"}, {\"role\": \"user\", \"content\": \"And?\"}",
        1,
    );
    assert!(refused(&further).to_string().contains("further turns"));
    let texts = br#"{"messages": [{"role": "user", "content": "a"}]}"#;
    assert_eq!(parse_texts("f", texts).unwrap(), ["a"]);
}

#[test]
fn the_questions_of_a_trait_file_are_prompts() {
    let file = br#"{
        "instruction": [{"pos": "Be kind.", "neg": "Be cruel."}],
        "questions": ["How was your day?", "What is a river?"],
        "eval_prompt": "Judge the answer."
    }"#;
    let texts = parse_texts("f", file).unwrap();
    assert_eq!(texts, ["How was your day?", "What is a river?"]);
}

#[test]
fn pairs_are_crossed_with_suffixes_and_that_is_said() {
    let file =
        r#"{"examples": [["Q1", "R1"], ["Q2", "R2"]], "suffixes": [[" yes", " no"], " so"]}"#;
    let dataset = read(file);
    assert_eq!(dataset.format, DatasetFormat::Cross);
    let want = [
        ["Q1 yes", "R1 no"],
        ["Q2 yes", "R2 no"],
        ["Q1 so", "R1 so"],
        ["Q2 so", "R2 so"],
    ];
    assert_eq!(texts(&dataset), want.map(|row| row.map(str::to_owned)));
    let said = dataset.warnings.iter().map(ToString::to_string);
    assert!(
        said.clone()
            .any(|s| s.contains("2 examples under each of 2 suffixes: 4 rows"))
    );
    // The same question on both sides, as for refusal: the suffix alone tells them apart.
    let same =
        r#"{"examples": [["Q", "Q"]], "suffixes": [[" I can't", " Sure"], [" one", " one"]]}"#;
    let same = read(same);
    assert_eq!(texts(&same), [["Q I can't", "Q Sure"].map(str::to_owned)]);
    assert!(
        same.warnings
            .contains(&DatasetWarning::EqualAnswers { count: 1 })
    );
    let plain = read(r#"{"examples": [["a b", "c d"]]}"#);
    assert_eq!(texts(&plain), [["a b", "c d"].map(str::to_owned)]);
    for (file, id) in [
        (r#"{"examples": [["a", "b"], ["a"]]}"#, "dataset-field-type"),
        (r#"{"examples": [["a", "b", "c"]]}"#, "dataset-field-type"),
        (
            r#"{"examples": [["a", "b"]], "suffixes": [7]}"#,
            "dataset-field-type",
        ),
        (
            r#"{"examples": [["a", "b"]], "suffixes": "x"}"#,
            "dataset-field-type",
        ),
        (r#"{"examples": [["", "b"]]}"#, "dataset-field-empty"),
        (
            r#"{"examples": [["a", "b"]], "suffixes": []}"#,
            "dataset-empty",
        ),
        (r#"{"examples": [[1, "b"]]}"#, "dataset-field-type"),
    ] {
        let refused = Dataset::from_bytes("x.json", file.as_bytes()).unwrap_err();
        assert_eq!(refused.id(), id, "{file}: {refused}");
    }
    let many: Vec<[String; 2]> = (0..400)
        .map(|i| [format!("a{i}"), format!("b{i}")])
        .collect();
    let many = serde_json::json!({"examples": many, "suffixes": many}).to_string();
    let refused = Dataset::from_bytes("x.json", many.as_bytes()).unwrap_err();
    assert_eq!(refused.id(), "dataset-cross-too-large");
    assert!(refused.to_string().contains("400 examples"), "{refused}");
}
