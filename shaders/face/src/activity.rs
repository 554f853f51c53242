//! Which action units a face shows, worked back from its 52 weights: for lighting regions where nothing better is
//! known. These are derived from the coefficients, not detected; a view that shows them says so.

use crate::expression::Expression;
use crate::morph::REGION_COUNT;
use crate::names::index_of;

impl Expression {
    /// How strongly each of [`crate::REGIONS`] is active, 0..1, derived from the weights as drawn.
    pub fn activity(&self) -> [f32; REGION_COUNT] {
        let w = self.drawn_weights();
        let one = |name: &str| index_of(name).and_then(|i| w.get(i)).copied().unwrap_or(0.0);
        let both = |name: &str| 0.5 * (one(&format!("{name}Left")) + one(&format!("{name}Right")));
        let roll = 0.5 * (one("mouthRollLower") + one("mouthRollUpper"));
        let jaw = one("jawOpen");
        let units = [
            one("browInnerUp"),
            both("browOuterUp"),
            both("browDown"),
            both("cheekSquint"),
            both("eyeSquint"),
            both("noseSneer"),
            both("mouthUpperUp"),
            both("mouthSmile"),
            both("mouthDimple"),
            both("mouthFrown"),
            one("mouthShrugLower"),
            0.5 * both("mouthPress") + 0.5 * roll,
            both("mouthPress"),
            both("mouthLowerDown").max(f32::from(jaw > 0.05) * 0.6),
            2.0 * jaw,
        ];
        units.map(|v| v.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_lit_by_its_own_shapes_and_by_no_other_part_of_the_face() {
        let lit = |weights: &[(&str, f32)]| Expression::default().with(weights).activity();
        let smile = lit(&[("mouthSmile", 1.0)]);
        assert_eq!(smile[7], 1.0);
        assert_eq!(smile.iter().filter(|v| **v > 0.0).count(), 1);
        let jaw = lit(&[("jawOpen", 0.5)]);
        assert!(jaw[14] == 1.0 && jaw[13] > 0.5 && jaw[..13].iter().all(|v| *v == 0.0));
        assert_eq!(lit(&[("browDownLeft", 1.0)])[2], 0.5, "one side is half");
        assert!(lit(&[("mouthFrown", f32::NAN)]).iter().all(|v| *v == 0.0));
    }
}
