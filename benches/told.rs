//! How a bench says what it found.

/// Tells a figure, what it is measured against, and whether that is met.
pub fn tell(what: &str, figure: f64, unit: &str, mark: &str, met: bool) {
    let sign = if met { "met" } else { "MISSED" };
    println!("{what}: {figure:.3} {unit} (wanted: {mark}) {sign}");
}
