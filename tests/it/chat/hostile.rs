//! Templates that loop, throw, write without end or are no templates: each a typed error.

use proptest::prelude::*;
use steerscope::chat::{ChatError, ChatTemplate, Message, Options, Specials};

use super::render;

#[test]
fn every_way_to_fail_has_its_error() {
    let deep = format!(
        "{}{{{{ 1 }}}}{}",
        "{% if true %}".repeat(5000),
        "{% endif %}".repeat(5000)
    );
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000));
    let long = "x".repeat((1 << 20) + 1);
    let cases: &[(&str, &str, &str)] = &[
        // Without an end.
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "chat-template-limit",
            "steps",
        ),
        (
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "chat-template-limit",
            "deep",
        ),
        // Too much text: of values, of the template itself, and gathered in a variable.
        (
            "{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}",
            "chat-template-limit",
            "MiB",
        ),
        ("{{ 'x' * 99999999 }}", "chat-template-limit", "MiB"),
        (
            "{{ 'x' * 1000000000 }}",
            "chat-template-failed",
            "too large",
        ),
        (
            "{% set a %}{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}{% endset %}",
            "chat-template-limit",
            "MiB",
        ),
        // No templates.
        ("a\nb {% if %}", "chat-template-syntax", "line 2"),
        ("{{ 'open", "chat-template-syntax", "line 1"),
        ("\n\n{% for x in y %}", "chat-template-syntax", "line 3"),
        ("{% generation %}x", "chat-template-syntax", "test.jinja"),
        (&deep, "chat-template-syntax", "recursion"),
        (&parentheses, "chat-template-syntax", "recursion"),
        (&long, "chat-template-long", "1048576"),
        // What fails on the way.
        (
            "{{ raise_exception('no ' ~ messages[0].role) }}",
            "chat-refused",
            "no user",
        ),
        ("\n{{ messages[0].a.b }}", "chat-template-failed", "line 2"),
        ("{{ unknown() }}", "chat-template-failed", "unknown"),
        ("{{ 1 | nofilter }}", "chat-template-failed", "nofilter"),
        ("{{ messages.append(1) }}", "chat-template-failed", "append"),
        ("{% include 'x' %}", "chat-template-failed", ""),
        (
            "{{ strftime_now('%Q!') }}",
            "chat-template-failed",
            "strftime_now",
        ),
        ("{{ range | tojson }}", "chat-template-failed", "tojson"),
        (
            "{{ 1 | tojson(indent='  ', wrong=1) }}",
            "chat-template-failed",
            "wrong",
        ),
        (
            "{{ 1 | tojson(indent=1000000000) }}",
            "chat-template-failed",
            "indent",
        ),
    ];
    for (source, id, named) in cases {
        let shown: String = source.chars().take(70).collect();
        match render(source) {
            Ok(text) => panic!("{shown}: {} bytes instead of {id}", text.len()),
            Err(error) => {
                assert_eq!(error.id(), *id, "{shown}: {error}");
                assert!(error.to_string().contains(named), "{shown}: {error}");
            }
        }
    }
}

#[test]
fn what_a_template_throws_is_told_in_its_own_words() {
    let thrown = render("{{ raise_exception('Only user and assistant roles!') }}");
    let message = "Only user and assistant roles!".to_owned();
    assert_eq!(thrown, Err(ChatError::Refused { message }));
}

#[test]
fn without_a_time_of_its_own_a_template_sees_the_clock() {
    let year: u32 = render("{{ strftime_now('%Y') }}").unwrap().parse().unwrap();
    assert!(year >= 2024);
}

#[test]
fn values_nested_as_deep_as_the_steps_allow_do_no_harm() {
    let nest =
        "{% set n = namespace(x=1) %}{% for i in range(60000) %}{% set n.x = [n.x] %}{% endfor %}";
    assert_eq!(render(nest), Ok(String::new()));
    assert_eq!(
        render(&format!("{nest}{{{{ n.x | tojson }}}}"))
            .unwrap_err()
            .id(),
        "chat-template-failed"
    );
    let printed = render(&format!("{nest}{{{{ n.x }}}}"));
    assert!(printed.is_err() || printed.is_ok_and(|text| text.len() > 60_000));
}

/// Pieces that templates are made of, and pieces that break them.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "{%",
        "%}",
        "{{",
        "}}",
        "{#",
        "#}",
        "-",
        "+",
        "{% if ",
        "{% endif %}",
        "{% for m in messages %}",
        "{% endfor %}",
        "{% set x = ",
        "{% generation %}",
        "{% endgeneration %}",
        "{% break %}",
        "{% raw %}",
        "{% endraw %}",
        "messages",
        "[0]",
        "[-1]",
        "[1:]",
        ".content",
        ".role",
        "['role']",
        "|tojson",
        "|trim",
        "|length",
        "|join(',')",
        ".strip()",
        ".split('a')",
        "(",
        ")",
        "'",
        "\"",
        "\\",
        "namespace(a=1)",
        "range(9)",
        "raise_exception('x')",
        "strftime_now('%d')",
        "none",
        "x",
        " ",
        "\n",
        "1",
        "~",
        "*",
        "/",
        "//",
        "%",
        "==",
        "!=",
        " in ",
        " is defined",
        " not ",
        "{% macro f(a) %}",
        "{% endmacro %}",
        "f(1)",
        "é",
        "🙂",
        "{% else %}",
        "{% elif ",
        "{% with %}",
        "{% endwith %}",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_templates_end_in_a_text_or_an_error(pieces in prop::collection::vec(piece(), 0..24)) {
        if let Err(error) = render(&pieces.concat()) {
            prop_assert!(error.id().starts_with("chat-"));
        }
    }

    #[test]
    fn random_messages_go_through(
        said in prop::collection::vec(("(user|assistant|system|\\PC*)", any::<String>()), 0..6),
    ) {
        let messages: Vec<Message> = said.iter().map(|(r, c)| Message::new(r, c)).collect();
        let source = "{% for m in messages %}<{{ m.role }}>{{ m['content'] }}{% endfor %}";
        let template = ChatTemplate::new(source, "t", Specials::default()).unwrap();
        let want: Vec<String> = said.iter().map(|(r, c)| format!("<{r}>{c}")).collect();
        prop_assert_eq!(template.render(&messages, &Options::default()), Ok(want.concat()));
    }
}
