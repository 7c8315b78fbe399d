//! Whether letters follow each other as they do in words.
//!
//! Of the pairs of letters that there may be, half make up ninety-nine in a hundred of all pairs in the words of a dictionary of English. The
//! others are seldom in other languages as well, and of letters in no order they are every second pair.

/// The letters that seldom stand behind each of `a` to `z`: counted over the words of three letters and more of an American English
/// dictionary, each word once.
const SELDOM: [&[u8]; 26] = [
    b"ajoq",
    b"cdfghjkmnpqtvwxz",
    b"bdfgjmnpqvwxz",
    b"cfhjkpqtxz",
    b"j",
    b"bcdghjkmnpqvwxz",
    b"bcdfjkpqtvwxz",
    b"bcdfghjkpqvxz",
    b"hijwy",
    b"bcdfghjklmnpqrstvwxyz",
    b"bcdfgjkmpqtvwxz",
    b"hjqrwxz",
    b"cdfghjklqrtvwxz",
    b"xz",
    b"jq",
    b"bcdfgjkmnqvwxz",
    b"abcdefghijklmnopqrstvwxyz",
    b"jqxz",
    b"dgjrvxz",
    b"dgjkpqvx",
    b"hjquvwxy",
    b"bcdfghjklmnpqrstuvwxyz",
    b"bcdfgjkmpqtuvwxyz",
    b"bdfghjklmnoqrsuvwxyz",
    b"fghjkquvwxyz",
    b"bcdfghjklmnpqrstuvwxy",
];

/// The same, a bit for each letter.
const PAIRS: [u32; 26] = {
    let (mut pairs, mut first) = ([0; 26], 0);
    while first < 26 {
        let mut at = 0;
        while at < SELDOM[first].len() {
            pairs[first] |= 1 << (SELDOM[first][at] - b'a');
            at += 1;
        }
        first += 1;
    }
    pairs
};

/// In fewer letters there are too few pairs to tell: abbreviations have some of these, too.
const MANY: usize = 12;
/// More than one seldom pair in so many letters is no word's.
const IN: usize = 6;

/// Whether letters in one run follow each other as those of no words do.
pub fn are_in_no_order(text: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_alphabetic()).any(|run| run.len() >= MANY && seldom_pairs(run) * IN > run.len())
}

/// Whether more than a quarter of all pairs of letters, and more than two, are such as words seldom have.
pub fn are_mostly_in_no_order(text: &[u8]) -> bool {
    let pairs = text.windows(2).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic)).count();
    let seldom: usize = text.split(|byte| !byte.is_ascii_alphabetic()).map(seldom_pairs).sum();
    seldom > 2 && seldom * 4 > pairs
}

/// How many pairs there are that words seldom have; where a capital begins another word, there is none.
fn seldom_pairs(run: &[u8]) -> usize {
    let is_seldom = |pair: &&[u8]| match pair {
        [first, next] if first.is_ascii_lowercase() && next.is_ascii_uppercase() => false,
        [first, next] => PAIRS[letter(*first)] >> letter(*next) & 1 != 0,
        _ => false,
    };
    run.windows(2).filter(is_seldom).count()
}

fn letter(byte: u8) -> usize {
    usize::from((byte | 0x20) - b'a')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_words_are_in_order() {
        for words in [
            "credentialsprovider",
            "pkcsprivatekeyfile",
            "HttpServletRequest",
            "rabbitmqclientsecret",
            "KUBERNETESNAMESPACE",
            "downstreamcatchphrase",
            "prod-db-jwt-kms-mqtt",
            "Geschwindigkeitsbegrenzung",
            "contrasenadelusuario",
        ] {
            assert!(!are_in_no_order(words.as_bytes()), "{words}");
        }
    }

    #[test]
    fn letters_of_chance_are_not() {
        for chance in
            ["uvoewjhaqibzoyde", "QAZOIUWVEXJKEBOI", "FJqgonoTOlGzxumZCWlBGHrejxUeWfIE", "id=aqwuoxijeqbuzoap"]
        {
            assert!(are_in_no_order(chance.as_bytes()), "{chance}");
        }
        assert!(!are_in_no_order(b"xqzjvk"), "too few to tell");
    }
}
