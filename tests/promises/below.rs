use inkprint::pipeline::framing::MAX_LINE;

use super::engine::{Engine, POLICY};

const LOG: &str = "start\n<config>\n  <linearToken>\n    q7xk2m9c4vw8z5tn1bhd\n  </linearToken>\n  <name>\n    q7xk2m9c4vw8z5tn1bhe\n  </name>\n\
                   <password>\nmothOfGravel\n<note/>\n<ns:password>\r\n\tgravel&amp;Moth7\r\n</ns:password>\nend\n";

fn holds(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

#[test]
fn the_text_of_an_element_goes_from_a_line_of_its_own() {
    let engine = Engine::new(&POLICY);
    let cleaned = engine.redact(LOG.as_bytes());
    assert!(!holds(&cleaned, "1bhd") && !holds(&cleaned, "gravel"), "{}", cleaned.escape_ascii());
    // Another name, and a word in an element that is not closed.
    assert!(holds(&cleaned, "1bhe") && holds(&cleaned, "mothOfGravel"), "{}", cleaned.escape_ascii());
    assert_eq!(engine.restored(LOG.as_bytes()), LOG.as_bytes(), "nothing else changes");
    assert_eq!(engine.redact(&cleaned), cleaned, "twice is once");
}

#[test]
fn it_has_the_fingerprint_that_it_has_on_one_line() {
    let engine = Engine::new(&POLICY);
    let mark = |log: &str| {
        let cleaned = engine.redact(log.as_bytes());
        let start = memchr::memmem::find(&cleaned, b"ink1-").expect("a mark");
        let end = cleaned[start..].iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'-').expect("an end");
        cleaned[start..start + end].to_vec()
    };
    assert_eq!(
        mark("<a>\n<password>\n gravel&amp;Moth7\n</password>\n"),
        mark("<a><password>gravel&amp;Moth7</password></a>\n")
    );
}

/// Entries whose values stand below their names, and lines that are none.
const ENTRIES: &str = "env:\n- name: DB_PASSWORD\n  value: gravel-Moth-1\n- name: API_TOKEN\n  valueFrom:\n- name: API_KEY\n  value: \"q7xk2m9c4vw8z5tn1bhd\"\n\
                       {\n  \"name\": \"db_password\",\n  \"value\": \"gravel \\\"Moth\\\" 2\"\n}\n<property>\n<name>db.password</name>\n\t<value>gravel-Moth-3</value>\n\
                       <key>secret</key>\r\n<string>gravel-Moth-4x</string>\r\n- name: password\n  in: query\n- name: DB_PASSWORD\n  value: ${DB_PASSWORD}\n\
                       username: password\n  value: gravel-Moth-5\nthe password\nvalue: gravel-Moth-6\n";

#[test]
fn the_value_of_an_entry_goes_from_the_line_below_its_name() {
    let engine = Engine::new(&POLICY);
    let cleaned = engine.redact(ENTRIES.as_bytes());
    for gone in ["Moth-1", "1bhd", "\" 2", "Moth-3", "Moth-4"] {
        assert!(!holds(&cleaned, gone), "{gone} in {}", cleaned.escape_ascii());
    }
    for left in ["valueFrom", "in: query", "${DB_PASSWORD}", "Moth-5", "Moth-6"] {
        assert!(holds(&cleaned, left), "{left} in {}", cleaned.escape_ascii());
    }
    assert_eq!(engine.restored(ENTRIES.as_bytes()), ENTRIES.as_bytes(), "nothing else changes");
    assert_eq!(engine.redact(&cleaned), cleaned, "twice is once");
}

/// What has a line to itself below its key, each of them with `GONE` in it, and what looks like it.
const ALONE: &str = "Nov 30 10:00:09 web app[12]: Password:\nNov 30 10:00:10 web app[12]: GONE01gr4vel!Moth\n\
    use this password to go on with the installation:\n\nGONE029c2d1e4f7a8b3c6d5e0f\n\nIt is in a file, too.\n\
    password: |\n  GONE03gr4vel!Moth\nuser: ann\npassword: >-\r\n  GONE04gr4vel!Moth\r\n\
    \"tokens\": {}\n\"password\": [\n  \"GONE05gr4vel!Moth\",\n  \"GONE06gr4vel!Moth\"\n]\n\
    [\"password\"]=>\n  string(17) \"GONE07gr4vel!Moth\"\ntool --user ann \\\n  --password \\\n  GONE08gr4vel!Moth \\\n  --port 1\n\
    Content-Disposition: form-data; name=\"password\"\r\nContent-Type: text/plain\r\n\r\nGONE09gr4vel!Moth\r\n--a1b2c3d4e5\r\n\
    argv[3]: --password\nargv[4]: GONE10gr4vel!Moth\nargv[5]: shop\nvariable \"db_password\" {\n  default = \"GONE11gr4vel!Moth\"\n}\n\
    2026-11-30T10:00:00Z stdout F - name: DB_PASSWORD\n2026-11-30T10:00:00Z stdout F   value: GONE12gr4vel!Moth\n\
    <a:password type=\"text\">\nGONE13gr4vel!Moth</a:password>\npassword = <<-EOT\n  GONE14gr4vel!Moth\nEOT\n";

const NOT_ALONE: &str = "Password:\n2026-11-30T10:00:00+01:00\nPassword:\nlast login from web-7f9c\nDB_PASSWORD=\nSHARD=k2Jq0Zm48dX1tqZp7LwTb4Rv8N1\n\
    password:\n  length: 16\n  charset: k2Jq0Zm48dX1tqZp7LwTb4Rv8N2\nname=\"password\"\n\n--a1b2c3d4e5f6--\npassword: |\n  $ANSIBLE_VAULT;1.1;AES256\n\
    the tokens are:\n  /srv/app/k2Jq0Zm48dX1tqZp7LwTb4Rv8N3.txt\nToken: (*jwt.Token)(<nil>),\npassword:#012host: db-1\n";

#[test]
fn a_value_that_has_a_line_to_itself_below_its_key_goes() {
    let engine = Engine::new(&POLICY);
    let cleaned = engine.redact(ALONE.as_bytes());
    assert!(!holds(&cleaned, "GONE"), "{}", cleaned.escape_ascii());
    assert_eq!(engine.restored(ALONE.as_bytes()), ALONE.as_bytes(), "nothing else changes");
    assert_eq!(engine.redact(&cleaned), cleaned, "twice is once");
}

#[test]
fn every_item_of_a_long_array_goes() {
    let items: String = (10..60).map(|number| format!("  \"gr4vel!Moth{number}\",\n")).collect();
    let log = format!("\"passwords\": [\n{items}]\n");
    let engine = Engine::new(&POLICY);
    let cleaned = engine.redact(log.as_bytes());
    assert!(!holds(&cleaned, "Moth"), "{}", cleaned.escape_ascii());
    assert_eq!(engine.restored(log.as_bytes()), log.as_bytes(), "nothing else changes");
    assert_eq!(engine.redact(&cleaned), cleaned, "twice is once");
}

#[test]
fn what_stands_below_a_key_without_being_its_value_stays() {
    let cleaned = Engine::new(&POLICY).redact(NOT_ALONE.as_bytes());
    assert_eq!(cleaned.escape_ascii().to_string(), NOT_ALONE.as_bytes().escape_ascii().to_string());
}

#[test]
fn line_ends_as_a_syslog_server_writes_them_end_a_value() {
    let engine = Engine::new(&POLICY);
    let cleaned = engine.redact(b"DB_PASSWORD=gr4vel!Moth#012PORT=5432#015#012");
    assert!(holds(&cleaned, "#012PORT=5432#015#012") && !holds(&cleaned, "Moth"), "{}", cleaned.escape_ascii());
}

#[test]
fn a_cut_between_the_lines_changes_nothing() {
    let engine = Engine::new(&POLICY);
    // A key's first line waits, too: a block may not be parted before it, as the value's own line is the one above.
    let odd = "<token>\nq7xk2m9c4vw8z5tn1bhd -----BEGIN PRIVATE KEY-----\n</token>\n<token>\n-----BEGIN/PRIVATE/KEY-----\n</token>\n";
    for log in [
        LOG.to_owned(),
        odd.to_owned(),
        format!("{LOG}{odd}{LOG}"),
        format!("{ENTRIES}{odd}{ENTRIES}"),
        format!("{ALONE}{NOT_ALONE}"),
    ] {
        let whole = engine.redact(log.as_bytes());
        for cut in 0..=log.len() {
            for second in [cut, log.len().min(cut + 9)] {
                let cleaned = engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut, second]);
                assert_eq!(cleaned, whole, "cut at {cut} and {second}");
            }
        }
    }
}
