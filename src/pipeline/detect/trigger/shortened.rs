//! Literals of which only a part is looked for.
//!
//! The matcher keeps those of one length together ([`ballast`](super::super::database)), and some, put together with parts of others of
//! their length, make words of which logs are full: `calcom` with others makes `cation`, `mapbox` makes `manager`, `okta` makes `data`,
//! and `stdout P` makes `stdout F`. Each such word costs a closer look wherever it stands. A byte or two shorter the literals are among
//! others, and make other words or none.
//!
//! `cargo bench --bench groups` counts this on any log and names the literals that it comes from, also beside rules of a user's own: the more rules
//! there are, the more words they make. With `--shorten` it looks for the parts that spare the most on the logs it is given, and prints the table anew.

use super::Literal;

/// Each with the part that is looked for in its place, in order.
#[rustfmt::skip]
pub const SHORTENED: &[(&[u8], &[u8])] = &[
    (b" pass ", b"pass "),
    (b" pw: ", b" pw:"),
    (b" secret ", b"secret "),
    (b" simple", b"simple"),
    (b"\"sensiti", b"\"sens"),
    (b"$apr1$", b"$apr1"),
    (b"%2bacr", b"%2bac"),
    (b"%2barm", b"%2bar"),
    (b"%2fhooks%2f", b"2fhooks%"),
    (b"%7cwarning", b"%7cwa"),
    (b"+ASt", b"+AS"),
    (b"-digest-", b"-dige"),
    (b"-shared-", b"shared-"),
    (b".azurewe", b".azure"),
    (b".line.me", b"line.me"),
    (b".office.", b"office."),
    (b".slack.c", b".slack."),
    (b"/api/v1/", b"api/v1/"),
    (b"3%2faltak-", b"3%2fal"),
    (b"LOGGED_I", b"OGGED_"),
    (b"NRAL", b"NRA"),
    (b"SharedAc", b"haredAc"),
    (b"_token$p", b"_token$"),
    (b"a passwo", b"a passw"),
    (b"a sandi", b" sandi"),
    (b"able sec", b"able s"),
    (b"activati", b"ctivati"),
    (b"ado_pat", b"ado_p"),
    (b"aio_", b"aio"),
    (b"airtable", b"irtabl"),
    (b"aka_tok_", b"aka_t"),
    (b"ale_tkn_", b"e_tkn"),
    (b"alicloud", b"licloud"),
    (b"alstudio", b"lstudio"),
    (b"anmelded", b"nmelded"),
    (b"apsearch", b"psearch"),
    (b"ateHmac(", b"teHmac"),
    (b"atherapi", b"therapi"),
    (b"auth_cod", b"uth_cod"),
    (b"authoriz", b"uthoriz"),
    (b"base64:", b"se64:"),
    (b"bitcoin", b"bitcoi"),
    (b"bm cloud", b"m cloud"),
    (b"bot.run", b"ot.run"),
    (b"calcom", b"lcom"),
    (b"cale_pw_", b"ale_pw"),
    (b"ccounts/", b"ounts/"),
    (b"cfapi", b"fapi"),
    (b"chat.goo", b"hat.goo"),
    (b"checkout", b"eckout"),
    (b"ck-api-k", b"k-api-k"),
    (b"clickup", b"clicku"),
    (b"client_a", b"ient_a"),
    (b"clientas", b"lientas"),
    (b"codecov", b"codeco"),
    (b"cohere", b"ohere"),
    (b"connect(", b"nnect("),
    (b"could no", b"ould no"),
    (b"curl.exe", b"rl.ex"),
    (b"d.com/ap", b"om/ap"),
    (b"d_cloud_", b"_cloud_"),
    (b"deepgram", b"eepgram"),
    (b"deepseek", b"eepseek"),
    (b"django-i", b"jango-i"),
    (b"doctl au", b"octl au"),
    (b"dop_v1_", b"op_v1_"),
    (b"e upload", b"e uplo"),
    (b"e-lines%3a", b"-lines%3"),
    (b"ect.sid=", b"ect.si"),
    (b"edis-cli", b"dis-cli"),
    (b"edisauth", b"disauth"),
    (b"encrypt(", b"encrypt"),
    (b"endr+", b"endr"),
    (b"erground", b"rground"),
    (b"essionid", b"ionid"),
    (b"et_key_b", b"et_ke"),
    (b"eventkey", b"ventkey"),
    (b"facebook", b"acebo"),
    (b"fbtoken", b"fbtok"),
    (b"figma", b"figm"),
    (b"forgejo", b"rgejo"),
    (b"freenas", b"freena"),
    (b"gmail", b"gmai"),
    (b"gnature%", b"gnatu"),
    (b"goexport", b"oexpor"),
    (b"goimport", b"oimport"),
    (b"gon2i$v=", b"gon2i$v"),
    (b"he passw", b"e pass"),
    (b"heroku", b"herok"),
    (b"hog-key-", b"og-key-"),
    (b"http cli", b"ttp cl"),
    (b"hudson", b"udson"),
    (b"ibmcloud", b"bmcloud"),
    (b"icationH", b"ationH"),
    (b"identifi", b"dentifi"),
    (b"ient.run", b"ient.ru"),
    (b"ightfall", b"ghtfal"),
    (b"intercom", b"ntercom"),
    (b"interest", b"nterest"),
    (b"ivatekey", b"tekey"),
    (b"jenkins", b"jenkin"),
    (b"jsession", b"jsessio"),
    (b"k-ant-ap", b"k-ant-a"),
    (b"ladmin -", b"admin -"),
    (b"ldap_def", b"dap_def"),
    (b"lert.vic", b"ert.vi"),
    (b"linode", b"linod"),
    (b"litellm", b"litel"),
    (b"llx-", b"lx-"),
    (b"login as", b"ogin as"),
    (b"login is", b"gin is"),
    (b"login: ", b"ogin: "),
    (b"mandrill", b"mandril"),
    (b"mapbox", b"apbo"),
    (b"mc alias", b"mc alia"),
    (b"mp commu", b"commu"),
    (b"mplitude", b"plitude"),
    (b"mysql_na", b"ysql_na"),
    (b"ncftpput", b"cftppu"),
    (b"neighbor", b"ighbor"),
    (b"nexmo", b"nexm"),
    (b"notion", b"notio"),
    (b"nstagram", b"stagram"),
    (b"nticate(", b"icate("),
    (b"ntry.io%2f", b"io%2f"),
    (b"nweather", b"weathe"),
    (b"o passwo", b"o pass"),
    (b"oa2-clie", b"oa2-cl"),
    (b"octopus", b"ctopu"),
    (b"ode.pro%2f", b"ode.pro%"),
    (b"okta", b"okt"),
    (b"olar_cs_", b"olar_cs"),
    (b"ollama", b"ollam"),
    (b"onarqube", b"onarq"),
    (b"ongodump", b"godump"),
    (b"onnect(\\", b"nect(\\"),
    (b"ool sign", b"ool si"),
    (b"ootstrap", b"otstra"),
    (b"openssl ", b"nssl "),
    (b"opsgenie", b"opsgen"),
    (b"pac key", b"pac k"),
    (b"passw\":", b"assw\":"),
    (b"pepper", b"peppe"),
    (b"postmark", b"postma"),
    (b"ppcertif", b"ppcerti"),
    (b"ppp chap", b"pp chap"),
    (b"preprod", b"prepro"),
    (b"q-signat", b"q-signa"),
    (b"ql.exe -", b"ql.ex"),
    (b"racadm", b"acadm"),
    (b"radius h", b"adius"),
    (b"rar a -", b"ar a "),
    (b"rcegraph", b"rcegra"),
    (b"reddit_", b"ddit_"),
    (b"requirep", b"quirep"),
    (b"reshdesk", b"eshdesk"),
    (b"rization", b"rizat"),
    (b"rollbar", b"ollba"),
    (b"rustotal", b"ustotal"),
    (b"s phrase", b"s phra"),
    (b"schtasks", b"htask"),
    (b"scospark", b"cospark"),
    (b"scrypt:", b"scrypt"),
    (b"sec-c-", b"ec-c-"),
    (b"secure-p", b"secure-"),
    (b"segment_", b"gment_"),
    (b"sendgrid", b"sendgri"),
    (b"senha", b"enha"),
    (b"ser api:", b"er api"),
    (b"session=", b"ssion="),
    (b"shpca_", b"hpca_"),
    (b"skey_", b"skey"),
    (b"stai_v1_", b"ai_v1"),
    (b"statsig", b"statsi"),
    (b"stderr P", b"tderr P"),
    (b"stdout P", b"tdout P"),
    (b"sword of", b"word of"),
    (b"sword \xc3\xa8", b"rd \xc3\xa8"),
    (b"sword...", b"sword."),
    (b"sys__com", b"ys__com"),
    (b"t resolv", b"t resol"),
    (b"t string", b"t stri"),
    (b"telegram", b"elegra"),
    (b"terstock", b"terstoc"),
    (b"therscan", b"thersca"),
    (b"ttempt [", b"tempt ["),
    (b"twitch", b"twitc"),
    (b"twitter", b"witter"),
    (b"ubygems_", b"bygems_"),
    (b"unseal k", b"unseal"),
    (b"unwired", b"unwire"),
    (b"use pass", b"use pas"),
    (b"username", b"ername"),
    (b"vercel", b"verce"),
    (b"vonage", b"onage"),
    (b"vultr", b"vult"),
    (b"wakatime", b"akatime"),
    (b"wallet", b"walle"),
    (b"webex", b"webe"),
    (b"whatsapp", b"hatsapp"),
    (b"winexe ", b"winexe"),
    (b"word as ", b"word as"),
    (b"wpa-psk ", b"pa-psk "),
    (b"x-oss-si", b"x-oss-"),
    (b"xai-", b"xai"),
    (b"xapp-", b"xapp"),
    (b"y string", b"y stri"),
    (b"zations%2f", b"zations%"),
    (b"zip -p", b"zip -"),
    (b"| crypts", b"| crypt"),
    (b"| helm r", b" helm "),
    (b"|crane a", b"crane"),
    (b"|helm re", b"|helm "),
    (b"|passwd ", b"passwd"),
    (b"|sudo ch", b"|sudo c"),
    (b"\xc3\xa9 secr\xc3", b"\xc3\xa9 secr"),
];

/// Cuts a literal to the part of it that is looked for.
///
/// Returns how many of its bytes lie behind that part.
pub fn shorten(literal: &mut Literal) -> usize {
    let Ok(at) = SHORTENED.binary_search_by(|(long, _)| (*long).cmp(&literal.bytes)) else { return 0 };
    let (long, part) = SHORTENED[at];
    let before = long.windows(part.len()).position(|window| window == part).unwrap_or_default();
    literal.bytes = part.into();
    long.len() - part.len() - before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::Detector;
    use crate::pipeline::detect::rule::RuleSet;
    use crate::pipeline::detect::trigger::Trigger;

    #[test]
    fn what_is_shortened_is_a_part_and_in_order() {
        assert!(SHORTENED.is_sorted());
        let is_part = |(long, part): &(&[u8], &[u8])| long.windows(part.len()).any(|window| window == *part);
        assert!(SHORTENED.iter().all(|entry| is_part(entry) && entry.1.len() >= 3));
    }

    #[test]
    fn no_literal_is_shortened_that_no_rule_has() {
        let rules = RuleSet::builtin().expect("the built-in rules load");
        let detector = Detector::new(rules).expect("it compiles");
        let is_there = |part: &[u8]| detector.literals().iter().any(|literal| literal.bytes == part);
        let stale =
            SHORTENED.iter().filter(|(_, part)| !is_there(part)).map(|(long, _)| long.escape_ascii().to_string());
        let stale: Vec<String> = stale.collect();
        assert!(stale.is_empty(), "{stale:?}");
    }

    #[test]
    fn a_shortened_literal_stands_for_its_whole_trigger() {
        for (text, part, behind) in [("Airtable", "irtabl", 1), ("calcom", "lcom", 0), ("vultr", "vult", 1)] {
            let anchor = Trigger::literal(text, true).anchor();
            assert_eq!(anchor.literals, [Literal { bytes: part.into(), caseless: true }]);
            assert_eq!(anchor.behind, behind, "{text}");
        }
        assert_eq!(Trigger::literal("dropbox", true).anchor().literals[0].bytes, b"dropbox");
    }
}
