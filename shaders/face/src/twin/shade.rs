//! The twin of `shade.wgsl`, function by function and under the same names; the numbers are explained there.

use super::raster::Depth;
use crate::expression::PIVOT;
use crate::frame::Frame;
use crate::head::part;
use glam::{IVec3, Mat4, Quat, Vec2, Vec3, Vec4, Vec4Swizzles};
use std::f32::consts::PI;

const KEY: Vec3 = Vec3::new(2.86, 2.56, 2.24);
const FILL: Vec3 = Vec3::new(0.33, 0.42, 0.62);
const RIM: Vec3 = Vec3::new(2.30, 2.65, 3.10);
const KICKER: Vec3 = Vec3::new(1.50, 1.22, 0.98);
const SKY: Vec3 = Vec3::new(0.47, 0.54, 0.66);
const GROUND: Vec3 = Vec3::new(0.36, 0.27, 0.22);
const REGION: Vec3 = Vec3::new(0.045, 0.235, 0.900);
const GLAZE: Vec3 = Vec3::new(0.600, 0.578, 0.545);
const TAPS: u32 = 12;

/// What `VertexOut` is in the shader.
#[derive(Clone, Copy, Default)]
pub(super) struct Pixel {
    pub world: Vec3,
    pub normal: Vec3,
    pub rest: Vec3,
    pub albedo: Vec3,
    pub material: Vec4,
    pub marks: Vec4,
    pub part: u8,
}

struct Surface {
    n: Vec3,
    albedo: Vec3,
    rough: f32,
    f0: f32,
    sss: f32,
    ao: f32,
    gloss: f32,
    strand: Vec3,
}

/// The frame and the shadow map of one picture.
pub(super) struct Light<'a> {
    pub frame: &'a Frame,
    pub from: Mat4,
    pub map: &'a Depth,
    /// `QUICK` of the shader.
    pub quick: bool,
}

fn v3(v: [f32; 4]) -> Vec3 {
    Vec4::from(v).xyz()
}

fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn falls(low: f32, high: f32, x: f32) -> f32 {
    1.0 - smoothstep(low, high, x)
}

fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

fn powv(a: Vec3, b: Vec3) -> Vec3 {
    Vec3::new(a.x.powf(b.x), a.y.powf(b.y), a.z.powf(b.z))
}

fn hash(p: IVec3) -> f32 {
    let mul = |v: i32, k: u32| (v as u32).wrapping_mul(k);
    let mut h = mul(p.x, 1_597_334_677) ^ mul(p.y, 3_812_015_801) ^ mul(p.z, 2_798_796_415);
    h = (h ^ (h >> 15)).wrapping_mul(2_246_822_519);
    h ^= h >> 13;
    (h & 0xffff) as f32 / 65535.0
}

fn noise(p: Vec3) -> f32 {
    let floor = p.floor();
    let i = floor.as_ivec3();
    let f = p - floor;
    let u = f * f * (Vec3::splat(3.0) - 2.0 * f);
    let at = |x, y, z| hash(i + IVec3::new(x, y, z));
    let layer = |z| mix(mix(at(0, 0, z), at(1, 0, z), u.x), mix(at(0, 1, z), at(1, 1, z), u.x), u.y);
    mix(layer(0), layer(1), u.z)
}

/// The colour that heat has at this share of its full displacement, linear; twin of `heat`.
pub(super) fn heat(t: f32) -> Vec3 {
    let x = t.clamp(0.0, 1.0) * 4.0;
    let stops = [
        Vec3::new(0.030, 0.034, 0.060),
        Vec3::new(0.034, 0.102, 0.262),
        Vec3::new(0.062, 0.352, 0.302),
        Vec3::new(0.840, 0.508, 0.078),
        Vec3::new(0.870, 0.102, 0.045),
    ];
    let mut c = stops[0];
    for (k, stop) in stops[1..].iter().enumerate() {
        c = c.lerp(*stop, (x - k as f32).clamp(0.0, 1.0));
    }
    c
}

fn specular(s: &Surface, v: Vec3, l: Vec3, rough: f32, f0: f32) -> f32 {
    let h = (l + v).normalize();
    let nl = s.n.dot(l).clamp(0.0, 1.0);
    let nh = s.n.dot(h).clamp(0.0, 1.0);
    let vh = v.dot(h).clamp(0.0, 1.0);
    let nv = s.n.dot(v).clamp(0.02, 1.0);
    let a2 = rough * rough * rough * rough;
    let q = nh * nh * (a2 - 1.0) + 1.0;
    let d = a2 / (PI * q * q + 1e-7);
    let f = f0 + (1.0 - f0) * (1.0 - vh).powi(5);
    let k = (rough + 1.0) * (rough + 1.0) / 8.0;
    let g = 1.0 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
    d * f * g * nl / 4.0
}

fn strand_sheen(t: Vec3, n: Vec3, v: Vec3, l: Vec3, shift: f32, power: f32) -> f32 {
    let tt = (t + n * shift).normalize();
    let th = tt.dot((l + v).normalize());
    (1.0 - th * th).max(0.0).sqrt().powf(power) * smoothstep(-0.3, 0.5, n.dot(l))
}

/// What decides about a lamp beside the surface: `GROUP == HAIRS` and `QUICK` of the shader.
#[derive(Clone, Copy)]
struct Kind {
    hair: bool,
    quick: bool,
}

fn lamp(kind: Kind, s: &Surface, v: Vec3, l: Vec3, colour: Vec3, arrives: f32, polish: f32) -> Vec3 {
    let nl = s.n.dot(l);
    let wrap = s.sss * Vec3::new(0.43, 0.235, 0.18);
    let bent = ((Vec3::splat(nl) + wrap) / (Vec3::ONE + wrap)).max(Vec3::ZERO);
    let ao = s.ao.sqrt();
    if kind.quick {
        let share = s.sss * Vec3::new(0.70, 0.3, 0.2);
        let soft = Vec3::splat(arrives) * (Vec3::ONE - share) + arrives.sqrt() * share;
        let mut c = s.albedo * bent * soft * (1.6 / PI);
        if polish > 0.9 {
            if kind.hair {
                let first = strand_sheen(s.strand, s.n, v, l, -0.12, 34.0);
                let second = strand_sheen(s.strand, s.n, v, l, 0.20, 9.0);
                c += (Vec3::new(0.020, 0.017, 0.014) * first + s.albedo * 0.24 * second) * arrives * ao;
            } else {
                let shine = specular(s, v, l, s.rough, s.f0) * 1.2 + s.gloss * specular(s, v, l, 0.26, 0.035);
                c += Vec3::splat(shine * arrives * ao);
            }
        }
        return c * colour;
    }
    let diffuse = powv(bent, Vec3::splat(1.0 + 0.25 * s.sss));
    let shade = powv(Vec3::splat(arrives.max(1e-4)), Vec3::ONE - s.sss * Vec3::new(0.42, 0.18, 0.12));
    let mut c = s.albedo * diffuse * shade * (1.6 / PI);
    let mut shine = specular(s, v, l, s.rough, s.f0) * 1.2;
    if s.gloss > 0.0 {
        shine += s.gloss * specular(s, v, l, 0.26, 0.035);
    }
    if kind.hair {
        let first = strand_sheen(s.strand, s.n, v, l, -0.12, 34.0);
        let second = strand_sheen(s.strand, s.n, v, l, 0.20, 9.0);
        c += (Vec3::new(0.020, 0.017, 0.014) * first + s.albedo * 0.24 * second) * arrives * ao * polish;
        shine *= 0.35;
    }
    (c + Vec3::splat(shine * arrives * ao * polish)) * colour
}

fn tone(x: Vec3) -> Vec3 {
    let a = x * (2.51 * x + Vec3::splat(0.03));
    let b = x * (2.43 * x + Vec3::splat(0.59)) + Vec3::splat(0.14);
    (a / b).clamp(Vec3::ZERO, Vec3::ONE)
}

impl Light<'_> {
    fn carries(&self, detail_cm: f32) -> f32 {
        smoothstep(0.35, 1.0, detail_cm / (2.0 * self.frame.body[3]))
    }

    /// Twin of `turned`.
    fn turned(&self, direction: Vec3) -> Vec3 {
        Quat::from_array(self.frame.turn) * direction
    }

    /// One bilinear comparison, as the sampler makes it.
    fn compare(&self, uv: Vec2, z: f32) -> f32 {
        let (w, h) = (self.map.width, self.map.height);
        let at = uv * Vec2::new(w as f32, h as f32) - 0.5;
        let low = at.floor();
        let f = at - low;
        let one = |dx: f32, dy: f32| {
            let x = (low.x + dx).clamp(0.0, w as f32 - 1.0) as usize;
            let y = (low.y + dy).clamp(0.0, h as f32 - 1.0) as usize;
            if z <= self.map.z[y * w + x] { 1.0 } else { 0.0 }
        };
        mix(mix(one(0.0, 0.0), one(1.0, 0.0), f.x), mix(one(0.0, 1.0), one(1.0, 1.0), f.x), f.y)
    }

    fn lit(&self, world: Vec3, n: Vec3) -> f32 {
        let (off, bias) = if self.quick { (0.22, 0.0065) } else { (0.12, 0.0022) };
        let p = self.from * (world + n * off).extend(1.0);
        let uv = Vec2::new(p.x * 0.5 + 0.5, 0.5 - p.y * 0.5);
        let z = p.z - bias;
        let reaches = |uv: Vec2| self.compare(uv.clamp(Vec2::splat(0.004), Vec2::splat(0.996)), z);
        if self.quick {
            let r = self.frame.key[3] * 0.6;
            let d = Vec2::new(r, r * 0.4);
            return 0.5 * (reaches(uv + d) + reaches(uv - d));
        }
        let mut sum = 0.0;
        for i in 0..TAPS {
            let r = ((i as f32 + 0.5) / TAPS as f32).sqrt() * self.frame.key[3];
            let (sin, cos) = (i as f32 * 2.399_963).sin_cos();
            sum += reaches(uv + r * Vec2::new(cos, sin));
        }
        sum / TAPS as f32
    }

    fn eye_colour(&self, rest: Vec3, eye: Vec3) -> Vec3 {
        let d = (rest - eye).normalize();
        let angle = d.z.clamp(-1.0, 1.0).acos() * 57.295_78;
        let soft = (self.frame.body[3] * 36.0).clamp(0.6, 7.0);
        let r = ((angle - 11.5) / 19.0).clamp(0.0, 1.0);
        let mut iris =
            Vec3::new(0.180, 0.250, 0.235).lerp(Vec3::new(0.055, 0.150, 0.185), smoothstep(0.05, 0.60, r));
        if !self.quick {
            let fine = self.carries(0.05);
            let (sin, cos) = d.y.atan2(d.x).sin_cos();
            let spoke = noise(Vec3::new(cos * 9.0, sin * 9.0, angle * 0.12));
            let spoke2 = noise(Vec3::new(cos * 22.0, sin * 22.0, angle * 0.22 + 7.0));
            iris *= mix(1.0, 0.55 + 0.6 * spoke + 0.4 * spoke2, 0.35 + 0.65 * fine);
            let ring = 0.45 * (-(r - 0.12) * (r - 0.12) * 49.0).exp() * (0.4 + 0.6 * spoke);
            iris = iris.lerp(Vec3::new(0.24, 0.17, 0.08), ring);
        }
        let away = (Vec2::new(d.x, d.y) + 1e-5).normalize().dot(Vec2::new(0.5, -0.85));
        iris *= 0.92 + 0.95 * away.clamp(-0.45, 1.0) * r;
        iris *= 1.0 - 0.86 * smoothstep(0.66, 0.98, r);
        let pink = 0.45 * smoothstep(44.0, 82.0, angle);
        let white = Vec3::new(0.74, 0.725, 0.705).lerp(Vec3::new(0.62, 0.42, 0.37), pink);
        let c = Vec3::new(0.004, 0.004, 0.005)
            .lerp(iris, smoothstep(11.4 - soft * 0.5, 12.6 + soft * 0.5, angle));
        c.lerp(white, smoothstep(29.8 - soft * 0.5, 31.4 + soft * 0.5, angle))
    }

    fn surface_of(&self, v: &Pixel, facing: f32) -> Surface {
        let m = v.material;
        let mut s = Surface {
            n: v.normal.normalize_or_zero() * facing,
            albedo: v.albedo,
            rough: m.x,
            f0: m.y,
            sss: m.z,
            ao: m.w,
            gloss: 0.0,
            strand: Vec3::ZERO,
        };
        let (rest, glazed) = (v.rest, self.frame.style[0]);
        let eye = matches!(v.part, part::EYE_LEFT | part::EYE_RIGHT);
        match v.part {
            part::EYE_LEFT | part::EYE_RIGHT => {
                let left = v.part == part::EYE_LEFT;
                let centre = v3(if left { self.frame.eye_left } else { self.frame.eye_right });
                s.albedo = self.eye_colour(rest, centre);
                let placed = PIVOT + self.turned(centre - PIVOT) + v3(self.frame.body);
                s.n = (v.world - placed).normalize();
                let high = s.n.dot(self.turned(Vec3::Y));
                let wide = s.n.dot(self.turned(Vec3::X)).abs();
                s.ao *=
                    (1.0 - 0.62 * smoothstep(0.04, 0.46, high)) * (1.0 - 0.35 * smoothstep(0.42, 0.80, wide));
            }
            part::SKIN | part::EAR => self.skin(v, &mut s),
            part::TEETH_UPPER | part::TEETH_LOWER | part::TONGUE => {
                let tongue = v.part == part::TONGUE;
                s.gloss = 0.5;
                let near = smoothstep(6.4, 8.8, rest.z + if tongue { 0.9 } else { 0.0 });
                s.ao = s.ao.max(0.34) * (0.30 + 0.70 * near);
                s.albedo *= if tongue { Vec3::ONE } else { Vec3::new(0.90, 0.86, 0.80) };
            }
            part::MOUTH_BAG => {
                s.ao = s.ao.max(0.26) * (0.60 + 0.40 * smoothstep(6.0, 9.4, rest.z));
                s.albedo = s.albedo.max(Vec3::new(0.16, 0.034, 0.030));
            }
            part::BROW => {
                if !self.quick {
                    let x = rest.x * 4.0 + rest.y * 5.0;
                    let hair = noise(Vec3::new(x, rest.y * 16.0 - rest.x.abs() * 7.0, 5.0));
                    s.albedo *= 0.75 + 0.9 * hair * self.carries(0.06);
                }
                s.rough = 0.8;
                s.albedo = s.albedo.lerp(Vec3::new(0.125, 0.118, 0.122), glazed);
            }
            part::HAIR => self.hair(v, &mut s),
            part::GARMENT => {
                s.albedo = s.albedo.lerp(Vec3::new(0.155, 0.160, 0.172), glazed);
                if !self.quick {
                    let knit = self.carries(0.20) * smoothstep(-15.6, -14.8, rest.y);
                    let rib = (rest.x.atan2(rest.z + 2.1) * 64.0).sin();
                    s.albedo *= 1.0 + 0.22 * knit * rib;
                    let weave = noise(rest * Vec3::new(9.0, 5.0, 9.0)) - 0.5;
                    s.albedo *= 1.0 + 0.25 * self.carries(0.12) * weave;
                }
            }
            _ => {}
        }
        if !eye && v.part != part::LASH {
            if self.frame.overlay[0] > 1.5 {
                s.albedo = s.albedo.lerp(REGION, 0.78 * v.marks.y);
            } else if self.frame.overlay[0] > 0.5 {
                s.albedo = heat(v.marks.x / self.frame.overlay[1]);
                s.sss = 0.2;
                s.gloss = 0.0;
            }
        }
        s
    }

    fn skin(&self, v: &Pixel, s: &mut Surface) {
        let (rest, glazed) = (v.rest, self.frame.style[0]);
        if v.part == part::EAR {
            s.ao = s.ao.max(0.30);
        }
        let lip = falls(0.36, 0.46, s.rough) * falls(-5.2, -4.4, rest.y);
        s.gloss = lip * 0.34;
        s.albedo = s.albedo.lerp(Vec3::new(0.470, 0.205, 0.165), lip * 0.45);
        let pore = if self.quick { 0.0 } else { self.carries(0.10) };
        if pore > 0.0 {
            let fine = noise(rest * 9.0) - 0.5;
            let broad = noise(rest * 1.7 + 11.0) - 0.5;
            s.albedo *= Vec3::ONE + pore * (0.05 * fine + 0.06 * broad) * Vec3::new(0.7, 1.0, 1.0);
            s.rough = (s.rough + pore * 0.10 * fine).clamp(0.2, 1.0);
            let crease = noise(Vec3::new(rest.x * 11.0, rest.y * 1.6, 3.0)) - 0.5;
            s.albedo *= 1.0 + lip * pore * 0.22 * crease;
        }
        let forehead = smoothstep(3.4, 4.4, rest.y);
        let fold = smoothstep(0.12, 0.55, v.marks.x)
            * forehead
            * falls(6.4, 8.6, rest.y)
            * falls(3.2, 5.2, rest.x.abs())
            * smoothstep(2.0, 4.0, rest.z)
            * self.carries(0.22);
        let bend = rest.y * 5.2 - rest.x * rest.x * 0.05;
        s.n = (s.n + Vec3::new(0.0, 0.28 * fold * bend.sin(), 0.0)).normalize_or_zero();
        s.albedo *= 1.0 - 0.20 * fold * smoothstep(0.2, 1.0, bend.cos());
        let open = mix(v.marks.w, 1.0, lip.max(forehead));
        s.ao *= open;
        let glaze = GLAZE.lerp(Vec3::new(0.400, 0.255, 0.235), lip * 0.85);
        s.albedo = s.albedo.lerp(glaze, glazed);
        s.rough = mix(s.rough, 0.34, glazed);
        s.f0 = mix(s.f0, 0.045, glazed);
        s.sss = mix(s.sss, 0.45, glazed);
        s.ao = mix(s.ao, v.marks.z.max(0.12) * open, glazed);
        s.gloss = mix(s.gloss, 0.30, glazed);
    }

    fn hair(&self, v: &Pixel, s: &mut Surface) {
        let out = v.rest - Vec3::new(0.6, 10.5, -5.0);
        let from_whorl = self.turned(out);
        let along = from_whorl - s.n * from_whorl.dot(s.n);
        s.strand = along / along.length().max(1e-3);
        s.albedo *= Vec3::new(0.86, 0.78, 0.72);
        s.ao = 0.25 + 0.75 * s.ao;
        if self.quick {
            return;
        }
        let (sin, cos) = out.x.atan2(out.z).sin_cos();
        let lock = noise(Vec3::new(cos * 7.0, sin * 7.0, out.length() * 0.10)) - 0.5;
        let hair = noise(Vec3::new(cos * 34.0, sin * 34.0, out.length() * 0.22)) - 0.5;
        let k = 0.3 + 0.7 * self.carries(0.16);
        let whorl = smoothstep(1.5, 5.0, along.length());
        s.albedo *= 1.0 + whorl * (0.55 * lock + k * 0.9 * hair);
        let side = s.strand.cross(s.n);
        s.n = (s.n + side * whorl * (0.26 * lock + k * 0.32 * hair)).normalize_or_zero();
    }

    /// The colour of a sample, linear.
    pub fn shade(&self, v: &Pixel, facing: f32) -> Vec3 {
        let f = self.frame;
        let s = self.surface_of(v, facing);
        let view = (v3(f.eye) - v.world).normalize();
        let mut arrives = self.lit(v.world, s.n);
        if v.part == part::HAIR {
            arrives = 0.30 + 0.70 * arrives;
        }
        let kind = Kind { hair: v.part == part::HAIR, quick: self.quick };
        let mut c = lamp(kind, &s, view, v3(f.key), KEY, arrives, 1.0);
        c += lamp(kind, &s, view, v3(f.fill), FILL, 1.0, 0.25);
        let nv = s.n.dot(view).clamp(0.0, 1.0);
        let graze = s.ao * s.ao * (1.0 - nv) * (1.0 - nv) * (1.15 - 0.55 * f.style[1]);
        c += lamp(kind, &s, view, v3(f.rim), RIM * graze, 1.0, 0.8);
        c += lamp(kind, &s, view, v3(f.kicker), KICKER * graze, 1.0, 0.8);
        let around = GROUND.lerp(SKY, s.n.y * 0.5 + 0.5);
        let bleed = 0.3 + 0.7 * s.sss;
        let narrow = Vec3::ONE.lerp(Vec3::new(1.0, 1.25, 1.35), bleed);
        let open = if self.quick { Vec3::splat(s.ao) } else { powv(Vec3::splat(s.ao), narrow) };
        c += s.albedo * around * open * 0.52;
        c += (1.0 - nv).powi(4) * 0.10 * around * s.ao;
        c *= 0.35 + 0.65 * s.ao;
        if matches!(v.part, part::MOUTH_BAG | part::TONGUE) {
            c += s.albedo * (0.10 + 0.20 * s.ao);
        }
        if v.part == part::EAR {
            c += s.albedo * Vec3::new(0.55, 0.10, 0.05) * (-s.n).dot(v3(f.rim)).clamp(0.0, 1.0) * 0.22;
        }
        let eye = matches!(v.part, part::EYE_LEFT | part::EYE_RIGHT);
        if eye {
            let bounce = -view - 2.0 * s.n * s.n.dot(-view);
            let window = (v3(f.key) * Vec3::new(1.0, 0.62, 1.0) + view * 0.10).normalize();
            let low = (v3(f.fill) * 0.7 + view * 0.6 - Vec3::new(0.0, 0.35, 0.0)).normalize();
            let bright = 1.5 * smoothstep(0.972, 0.990, bounce.dot(window)) * (0.35 + 0.65 * arrives);
            c += Vec3::new(0.95, 0.97, 1.0) * bright;
            c += Vec3::new(0.60, 0.72, 0.90) * 0.05 * smoothstep(0.93, 0.98, bounce.dot(low));
        }
        if f.overlay[0] > 1.5 && !eye {
            c += REGION * 0.10 * v.marks.y;
        }
        tone(c * 0.80 * f.eye[3])
    }
}

/// Twin of `fs_ghost`: premultiplied colour of a translucent face; back faces are left out by the caller.
pub(super) fn ghost(frame: &Frame, v: &Pixel) -> Vec4 {
    if v.part == part::GARMENT || (frame.style[0] > 0.5 && v.part == part::HAIR) {
        return Vec4::ZERO;
    }
    let n = v.normal.normalize_or_zero();
    let view = (v3(frame.eye) - v.world).normalize();
    let mut edge = (1.0 - n.dot(view).clamp(0.0, 1.0)).powf(1.9);
    if v.part == part::HAIR {
        edge *= edge;
    }
    let mark = match v.part {
        part::BROW | part::LASH => 0.85,
        part::SKIN => 0.55 * falls(0.36, 0.46, v.material.x) * falls(-5.2, -4.4, v.rest.y),
        part::EYE_LEFT | part::EYE_RIGHT => 0.6 * (1.0 - smoothstep(0.05, 0.4, v.albedo.x)),
        part::MOUTH_BAG => 0.4,
        _ => 0.0,
    };
    let form = 0.6 + 0.5 * n.dot(v3(frame.key)).clamp(0.0, 1.0);
    let alpha = (frame.ghost[3] * (0.06 + 0.94 * edge + mark)).clamp(0.0, 1.0);
    (v3(frame.ghost) * form * alpha).extend(alpha)
}
