//! Lines that are made to slow a redactor down; the bench measures the same.

/// Pieces of which a line full of is a regular expression's or a parser's worst case: triggers without matches, near matches, nests.
pub const PIECES: &[&str] = &[
    "password=",
    "password",
    "token:\"",
    "\\\\\\\\",
    "\\\"",
    "\"",
    "{\"token\":",
    "{\"a\":{",
    "[[[[",
    "://",
    "a://b:",
    "@",
    "Authorization: ",
    "Bearer ",
    "Basic ",
    "ghp_",
    "ghp_NdKZaDiFHy6TxVOG3VTE8fPJlT8y7P2pALd ",
    "eyJhbGciOiJIUzI1NiJ9.",
    "AKIA",
    "sk-",
    "xoxb-1-",
    "-----BEGIN PRIVATE KEY-----",
    "MIIEpAIBAAKCAQEA",
    "ink1-",
    "ink1-a-k1-",
    "aws secret ",
    " stdout P ",
    "%",
    "%3D",
    "\\u0070",
    "=",
    "-",
    "a",
    "A",
    "0",
    " ",
    "\0",
    "\u{fffd}",
];

/// A line of `length` bytes: one piece all over, two in turn, or many mixed, as `choices` has it. The first numbers have one piece each.
pub fn line(number: usize, length: usize, choices: &[u8]) -> Vec<u8> {
    let kinds = 1 + usize::from(choices[0]) % 3;
    let count = if kinds == 3 { 40 } else { kinds };
    let piece = |choice: &u8| PIECES[usize::from(*choice) % PIECES.len()].as_bytes();
    let mut line: Vec<u8> = if number < PIECES.len() {
        PIECES[number].as_bytes().to_vec()
    } else {
        choices[1..=count].iter().flat_map(piece).copied().collect()
    };
    line = line.iter().copied().cycle().take(length - 1).collect();
    line.push(b'\n');
    line
}
