//! Errors in a configuration are reported with their line and key.
#![cfg(unix)]

use std::{env, fs, path::PathBuf, process};

use futures_handoff_router::config::Config;

/// Reads a configuration of this text.
fn read(name: &str, text: &str) -> Result<Config, String> {
    let file = env::temp_dir().join(format!("router-{}-{name}.toml", process::id()));
    fs::write(&file, text).unwrap();
    let config = Config::read(&file).map_err(|error| error.to_string());
    fs::remove_file(&file).unwrap();
    config.map_err(|error| error.replace(&format!("{}", file.display()), "FILE"))
}

const GOOD: &str = r#"[upstream.web]
servers = ["127.0.0.1:8080"]

[[listener]]
address = "127.0.0.1:7443"

[[listener.route]]
upstream = "web"
match.tls.sni = ["example.com"]
"#;

#[test]
fn the_commented_file_is_good_with_its_defaults_written_out_and_without() {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("router.toml");
    Config::read(&sample).unwrap();
    let text = fs::read_to_string(sample).unwrap();
    let written_out: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // A default, not a sentence.
            Some(key) if key.contains(" = ") && !key.starts_with("terminate") => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(written_out.matches("\nmax_connections = ").count() == 1, "{written_out}");
    read("written_out", &written_out).unwrap();
}

#[test]
fn each_mistake_is_named_with_its_line() {
    read("good", GOOD).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replace(from, to)
    };
    let added = |text: &str| format!("{GOOD}{text}");
    let cases: &[(String, &str)] = &[
        (replaced("servers", "serves"), "FILE:2: unknown field `serves`"),
        (replaced("[\"127.0.0.1:8080\"]", "[]"), "FILE:2: upstream.web.servers: there is no server"),
        (replaced("127.0.0.1:8080", "127.0.0.1"), "FILE:2: \"127.0.0.1\" is not an address"),
        (replaced("127.0.0.1:7443", "localhost:7443"), "FILE:5: \"localhost:7443\" is not an address"),
        (
            replaced("[[listener]]", "[listener]"),
            "FILE:4: invalid type: one section, expected several, each in [[ ]]",
        ),
        (
            replaced("[\"example.com\"]", "\"example.com\""),
            "FILE:9: invalid type: string \"example.com\", expected a list in [ ]",
        ),
        (replaced(":7443", ":0"), "FILE:5: listener.address 127.0.0.1:0: a port"),
        (
            replaced("upstream = \"web\"", "upstream = \"wb\""),
            "FILE:8: listener.route.upstream: there is no section [upstream.wb]",
        ),
        (
            replaced("tls.sni = [\"example.com\"]", "tls.sni = [\"*example.com\"]"),
            "FILE:9: \"*example.com\" is not a name",
        ),
        (
            replaced("tls.sni = [\"example.com\"]", "http.host = [\"example.com:7443\"]"),
            "FILE:9: \"example.com:7443\" is not a name",
        ),
        (
            replaced("tls.sni = [\"example.com\"]", "http.path = [\"/a\", \"b/\"]"),
            "FILE:9: \"b/\" begins no path",
        ),
        (added("match.ssh = true\n"), "FILE:9: listener.route.match: exactly one of"),
        (
            replaced("match.tls.sni = [\"example.com\"]", "match.ssh = false"),
            "FILE:9: listener.route.match: exactly one of",
        ),
        (added("[[listener.route]]\nupstream = \"web\"\n"), "FILE:10: listener.route.name: another route"),
        (
            added(
                "[[listener.route]]\nname = \"a\"\nupstream = \"web\"\n[[listener.route]]\nname = \"b\"\nupstream = \"web\"\nmatch.ssh = true\n",
            ),
            "FILE:10: listener.route: one without `match` takes every connection",
        ),
        (
            added("[[listener]]\naddress = \"127.0.0.1:7443\"\n"),
            "FILE:11: listener.address 127.0.0.1:7443: another listener",
        ),
        (
            added("[[listener]]\naddress = \"127.0.0.1:7444\"\n"),
            "FILE:11: listener.address 127.0.0.1:7444: it has no [[listener.route]]",
        ),
        (replaced("[[listener]]", "[[listener]]\nidle_timeout = \"0s\""), "FILE:5: a time of 0"),
        (replaced("[[listener]]", "[[listener]]\nidle_timeout = \"soon\""), "FILE:5: \"soon\" is not a time"),
        (replaced("[[listener]]", "[[listener]]\nmax_connections = 0"), "FILE:5: invalid value: integer `0`"),
        (
            replaced("[[listener]]", "[[listener]]\naccept_proxy = \"perhaps\""),
            "FILE:5: unknown variant `perhaps`",
        ),
        (
            added("terminate = { certificate = \"none.pem\", key = \"none.key\" }\n"),
            "FILE:10: listener.route.terminate: certificate",
        ),
        (
            replaced(
                "match.tls.sni = [\"example.com\"]",
                "match.ssh = true\nterminate = { certificate = \"a\", key = \"b\" }",
            ),
            "FILE:10: listener.route.terminate: `match` is not for TLS",
        ),
        (
            added("splice = true\nterminate = { certificate = \"a\", key = \"b\" }\n"),
            "FILE:10: listener.route.splice: bytes that this program decrypts",
        ),
        (replaced("[upstream.web]", "[upstream.web"), "FILE:1: "),
        ("[upstream.web]\nservers = [\"127.0.0.1:1\"]\n".into(), "FILE: listener: there is none"),
        (format!("threads = 0\n{GOOD}"), "FILE:1: invalid value: integer `0`"),
    ];
    for (place, (text, expected)) in cases.iter().enumerate() {
        let error = read(&format!("bad{place}"), text).expect_err(expected);
        assert!(error.starts_with(expected), "expected {expected:?}, got {error:?}");
        // The message shows the line itself below.
        assert_eq!(error.contains("\n    "), !expected.starts_with("FILE: "), "{error:?}");
    }
    let missing = Config::read("does/not/exist.toml".as_ref()).unwrap_err().to_string();
    assert!(missing.starts_with("does/not/exist.toml: "), "{missing}");
}
