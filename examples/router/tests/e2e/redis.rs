//! Redis by the first key.

use crate::support::{Mode, Program, Router, exchange, local, run, servers::redis};

fn routed(mode: Mode) -> (Router, [(Program, u16); 2]) {
    let servers = [redis(), redis()];
    let router = mode
        .router()
        .upstream("users", &[local(servers[0].1)])
        .upstream("rest", &[local(servers[1].1)])
        .route("users", r#"match.resp.key = ["user:", "key:"]"#)
        .route("rest", "")
        .start();
    (router, servers)
}

fn command(parts: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len());
    for part in parts {
        bytes += &format!("${}\r\n{part}\r\n", part.len());
    }
    bytes.into_bytes()
}

also_spliced! {
    fn answers_are_those_of_redis(mode) needs ["redis-server", "redis-cli"] {
        let (router, servers) = routed(mode);
        let long = "x".repeat(100_000);
        let cases: [(usize, &[&str]); 9] = [
            (0, &["set", "user:1", "a"]),
            (0, &["GET", "user:1"]),
            (0, &["RPUSH", "user:list", "1", "2", "3"]),
            (0, &["LRANGE", "user:list", "0", "-1"]),
            (0, &["INCR", "user:1"]),
            (1, &["SET", "session:1", &long]),
            (1, &["GET", "session:1"]),
            (1, &["GET", "use"]),
            (1, &["PING"]),
        ];
        for (number, command) in cases {
            let ask = |port: u16| run("redis-cli", &[&["-p", &port.to_string()], command].concat(), b"").stdout;
            let through = ask(router.address.port());
            if !["RPUSH"].contains(&command[0]) {
                assert_eq!(through, ask(servers[number].1), "{command:?}");
            }
        }
        // Each key went to its own server only.
        for (keys, (_, port)) in ["2\n", "1\n"].into_iter().zip(&servers) {
            assert_eq!(run("redis-cli", &["-p", &port.to_string(), "DBSIZE"], b"").stdout, keys.as_bytes());
        }
    }

    fn commands_in_a_row_are_answered_in_a_row(mode) needs ["redis-server"] {
        let (router, servers) = routed(mode);
        let mut commands = Vec::new();
        for n in 0..2_000 {
            commands.extend(command(&["SET", &format!("user:{n}"), &"v".repeat(n)]));
            commands.extend(command(&["GET", &format!("user:{n}")]));
        }
        commands.extend(command(&["QUIT"]));
        let answers = exchange(router.address, &commands);
        assert!(answers.ends_with(b"\r\n+OK\r\n"));
        assert!(answers == exchange(local(servers[0].1), &commands));
    }
}

on_each_runtime! {
    fn a_benchmark_goes_through(mode) needs ["redis-server", "redis-cli", "redis-benchmark"] {
        let (router, servers) = routed(mode);
        let port = router.address.port().to_string();
        for pipeline in ["1", "16"] {
            let arguments = ["-p", &port, "-n", "2000", "-c", "20", "-P", pipeline, "-t", "set,get", "-q"];
            let output = run("redis-benchmark", &arguments, b"");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.matches("requests per second").count() == 2, "{said}");
        }
        let all = run("redis-cli", &["-p", &servers[0].1.to_string(), "INFO", "commandstats"], b"").stdout;
        for command in ["get", "set"] {
            let calls = format!("cmdstat_{command}:calls=4000,");
            assert!(String::from_utf8_lossy(&all).contains(&calls), "{}", String::from_utf8_lossy(&all));
        }
    }
}
