use inkprint::pipeline::detect::{cost_class, CostClass, rule::RuleSet};
fn main() {
    let set = RuleSet::builtin().unwrap().selected(&[], &[]).unwrap();
    for r in &set.rules { match cost_class(r) { CostClass::Slow => println!("SLOW {} {}", r.id, r.origin), CostClass::Fast(t) => println!("{:.0} {} n={} {}{}", t.iter().map(|t| t.bits()).fold(f32::INFINITY, f32::min), r.id, t.len(), t.iter().map(|t| t.to_display()).collect::<Vec<_>>().join(" | "), if r.near.is_some() {" NEAR"} else {""}) } }
}
