use inkprint::pipeline::{detect::{Detector, rule::RuleSet}, policy::Policy, worker::{Worker, Outcome}, fingerprint::MarkKeys};
use inkprint::model::*;
use std::time::Instant;
fn main() {
    let t = Instant::now();
    let set = match RuleSet::builtin() { Ok(s) => s, Err(e) => { eprintln!("{e}"); std::process::exit(1) } };
    let t1 = t.elapsed();
    let set = set.selected(&[], &[]).unwrap();
    let n = set.rules.len();
    let tt = Instant::now(); for r in &set.rules { std::hint::black_box(inkprint::pipeline::detect::cost_class(r)); } eprintln!("derive {:?}", tt.elapsed());
    let d = Detector::new(set).unwrap();
    eprintln!("rules {n} parse {t1:?} total {:?} expressions {}", t.elapsed(), d.literals().len());
    let keys = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([1;32]), &NamespaceSalt::new([2;32]));
    let p = Policy { detector: d.into(), keys: keys.clone(), live_keys: vec![keys] };
    let mut w = Worker::new(&p).unwrap();
    let mut out = Vec::new();
    let arg = std::env::args().nth(1).unwrap();
    let data = std::fs::read(&arg).unwrap();
    let bench = std::env::args().nth(2).is_some();
    let rounds = if bench { 20 } else { 1 };
    for _ in 0..rounds {
        let t = Instant::now();
        let mut at = 0;
        while at < data.len() {
            let mut end = (at + 65536).min(data.len());
            if end < data.len() { end = at + data[at..end].iter().rposition(|b| *b == b'\n').map_or(end - at, |p| p + 1); }
            let o = w.redact(&data[at..end], &mut out);
            if !bench { use std::io::Write; std::io::stdout().write_all(if o == Outcome::Unchanged { &data[at..end] } else { &out }).unwrap(); }
            at = end;
        }
        let e = t.elapsed();
        eprintln!("{:.3} GB/s", data.len() as f64 / e.as_secs_f64() / 1e9);
        if bench && std::env::var_os("NOBARE").is_none() {
            use vectorscan_rs::*;
            let ex = p.detector.literals();
            let db = BlockDatabase::new(ex.iter().enumerate().map(|(i,e)| Pattern::new(e.bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<String>().into_bytes(), if e.caseless {Flag::DOTALL|Flag::CASELESS} else {Flag::DOTALL}, Some(i as u32))).collect()).unwrap();
            let mut s = db.create_scanner().unwrap();
            let mut hits = 0u64; let mut by = vec![0u64; ex.len()];
            let t = Instant::now();
            for c in data.chunks(65536) { s.scan(c, |i,_,_,_| { hits += 1; by[i as usize] += 1; Scan::Continue }).unwrap(); }
            eprintln!("   bare {:.3} GB/s hits {hits} dbsize {}", data.len() as f64 / t.elapsed().as_secs_f64() / 1e9, db.size().unwrap());
            if std::env::args().nth(3).is_some() { let mut v: Vec<_> = by.iter().zip(ex).collect(); v.sort(); v.reverse(); for (n,e) in v.iter().take(40) { eprintln!("{n} {} {}", String::from_utf8_lossy(&e.bytes), e.caseless); } }
        }
    }
    let t = w.take_tally();
    eprintln!("lines {} matches {} by rule:", t.lines, t.matches_total());
    let mut v: Vec<_> = t.matches.iter().enumerate().filter(|x| *x.1 > 0).map(|(i,n)| (*n, p.detector.rule(i).id.to_string())).collect();
    v.sort(); v.reverse();
    for (n, id) in v.iter().take(60) { eprint!("{id}={n} "); }
    eprintln!();
}
