use inkprint::pipeline::detect::{Detector, rule::RuleSet};
use vectorscan_rs::*;
use std::time::Instant;
fn main() {
    let set = RuleSet::builtin().unwrap().selected(&[], &[]).unwrap();
    let d = Detector::new(set).unwrap();
    let data = std::fs::read("/tmp/mix.log").unwrap();
    let run = |name: &str, ex: &[(Vec<u8>, bool)]| {
        let db = BlockDatabase::new(ex.iter().enumerate().map(|(i,e)| Pattern::new(e.0.iter().map(|b| format!("\\x{b:02x}")).collect::<String>().into_bytes(), if e.1 {Flag::DOTALL|Flag::CASELESS} else {Flag::DOTALL}, Some(i as u32))).collect()).unwrap();
        let mut s = db.create_scanner().unwrap(); let mut best = 0f64; let mut hits = 0u64;
        for _ in 0..5 { hits = 0; let t = Instant::now(); for c in data.chunks(65536) { s.scan(c, |_,_,_,_| { hits += 1; Scan::Continue }).unwrap(); } best = best.max(data.len() as f64 / t.elapsed().as_secs_f64() / 1e9); }
        println!("{name}: n={} {best:.3} GB/s hits {hits}", ex.len());
    };
    let all: Vec<_> = d.literals().iter().map(|l| (l.bytes.clone(), l.caseless)).collect();
    run("all", &all);

    let dummy = |v: &Vec<(Vec<u8>, bool)>| { let mut v = v.clone(); v.push((vec![1, 2], false)); v };
    let d1 = |v: &Vec<(Vec<u8>, bool)>| { let mut v = v.clone(); v.push((vec![1], false)); v };
    run("all+1byte", &d1(&all));
    let cl: Vec<_> = all.iter().filter(|e| e.1).cloned().collect(); run("caseless + dummy", &dummy(&cl));
    let cs: Vec<_> = all.iter().filter(|e| !e.1).cloned().collect(); run("caseful + dummy", &dummy(&cs));
    let f: Vec<_> = all.iter().filter(|e| e.0.len() >= 4).cloned().collect(); run("len>=4+dummy", &dummy(&f));
    let f: Vec<_> = all.iter().filter(|e| e.0.len() >= 5).cloned().collect(); run("len>=5+dummy", &dummy(&f));
    let f: Vec<_> = all.iter().filter(|e| !e.1 || e.0.len() >= 5).cloned().collect(); run("caseless>=5+dummy", &dummy(&f));
    let f: Vec<_> = all.iter().filter(|e| !(e.0.len() == 4 && e.0.ends_with(b"key"))).cloned().collect(); run("without ?key +dummy", &dummy(&f));
    for n in [100, 200, 400, 600, 800] { let f: Vec<_> = all.iter().step_by(951 / n + 1).cloned().collect(); run(&format!("every {}", 951 / n + 1), &f); run(&format!("every {} + dummy", 951 / n + 1), &dummy(&f)); }
    let mut two = all.clone(); for l in &all { if l.0.len() >= 4 { let mut v = l.0.clone(); v.reverse(); two.push((v, l.1)); } } run("doubled by reversed", &two); run("doubled+dummy", &dummy(&two));
}
