use inkprint::pipeline::detect::{Detector, rule::RuleSet};
use vectorscan_rs::*;
use std::time::Instant;
fn run(name: &str, ex: &[String], data: &[u8]) {
    let t = Instant::now();
    let db = BlockDatabase::new(ex.iter().enumerate().map(|(i,e)| Pattern::new(e.clone().into_bytes(), Flag::DOTALL, Some(i as u32))).collect()).unwrap();
    let ct = t.elapsed();
    let mut s = db.create_scanner().unwrap();
    let mut best = 0f64; let mut hits = 0u64;
    for _ in 0..4 { hits = 0; let t = Instant::now();
    for c in data.chunks(65536) { s.scan(c, |_,_,_,_| { hits += 1; Scan::Continue }).unwrap(); }
    best = best.max(data.len() as f64 / t.elapsed().as_secs_f64() / 1e9); }
    println!("{name}: n={} {best:.3} GB/s hits {hits} compile {ct:?}", ex.len());
}
fn lit_run(e: &str) -> usize { // longest run of singles or case pairs
    let b = e.as_bytes(); let mut i = 0; let mut run = 0; let mut best = 0;
    while i < b.len() { if b[i] == b'[' { let j = e[i..].find(']').unwrap() + i; if j - i == 9 && !e[i..j].contains('-') { run += 1; } else { run = 0; } i = j + 1; } else { run += 1; i += 4; } best = best.max(run); }
    best
}
fn main() {
    let set = RuleSet::builtin().unwrap().selected(&[], &[]).unwrap();
    let d = Detector::new(set).unwrap();
    let ex = d.expressions();
    let data = std::fs::read("/tmp/mix.log").unwrap();

    let base: Vec<String> = ex.iter().filter(|e| lit_run(e) >= 4).cloned().collect();
    run(">=4", &base, &data);
    let six: Vec<String> = ex.iter().filter(|e| lit_run(e) >= 6).cloned().collect();
    run(">=6", &six, &data);
    let mut v = six.clone(); v.push("abcd[0-9][0-9]".into()); run(">=6 + one class", &v, &data);
    let toks = |e: &String| -> Vec<String> { let mut out = vec![]; let mut i = 0; while i < e.len() { if e.as_bytes()[i] == b'[' { let j = e[i..].find(']').unwrap() + i + 1; out.push(e[i..j].to_string()); i = j; } else { out.push(e[i..i+4].to_string()); i += 4; } } out };
    let single = |t: &String| t.len() == 4 || (t.len() == 10 && !t.contains('-'));
    for n in [4usize, 5, 6, 7, 8] {
        // pure literal of at most n leading literal tokens
        let mut v: Vec<String> = base.iter().map(|e| { let t = toks(e); t.iter().skip_while(|t| !single(t)).take_while(|t| single(t)).take(n).cloned().collect::<String>() }).collect(); v.sort(); v.dedup();
        run(&format!("leading {n} literals"), &v, &data);
    }
    let mut v: Vec<String> = base.iter().map(|e| { let t = toks(e); if t.iter().all(single) { format!("{e}[^\\n]") } else { e.clone() } }).collect(); v.sort(); v.dedup();
    run(">=4, literals followed by [^\\n]", &v, &data);
    let mut v: Vec<String> = base.iter().map(|e| { let t = toks(e); if t[0].len()==10 { format!("{e}[^a-z\\n]") } else { e.clone() } }).collect(); v.sort(); v.dedup();
    run(">=4, caseless followed by [^a-z\\n]", &v, &data);
}
