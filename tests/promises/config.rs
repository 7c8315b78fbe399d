mod commands;
mod described;
mod faults;
mod mutations;

/// The least that makes a service.
const LEAST: &str = r#"version = 1
keyring = "/etc/inkprint/keyring"
[sources.apps]
type = "tcp"
listen = "127.0.0.1:6514"
[sinks.shipper]
type = "tcp"
address = "127.0.0.1:6515"
"#;

/// The example with every setting in force: without each `#` that no space follows.
fn everything() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    inkprint::control::config::example::example().lines().map(uncommented).collect::<Vec<_>>().join("\n")
}
