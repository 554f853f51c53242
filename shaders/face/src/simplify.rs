//! Coarser meshes of a head for small pictures: edges are collapsed onto one of their ends, cheapest first (quadric
//! error, Garland and Heckbert 1997). The error is added up over a handful of expressions at full strength, so that
//! lids, lips and brows keep the vertices that they move by; colour counts too, so that lips keep their outline.
//! Vertices are only dropped, never made: whatever is known of a vertex stays true.

use crate::expression::Expression;
use crate::head::part;
use crate::mesh::Mesh;
use crate::morph::{Movement, REGION_COUNT, morph};
use crate::row::Row;
use glam::{DVec3, Vec3};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How much an open edge counts against a triangle's plane.
const BORDER: f64 = 60.0;
/// cm^2 of error for a whole step of colour or roughness, times the length of the edge squared.
const COLOUR: f64 = 150.0;
/// How much more the error of a vertex counts that an action unit moves.
const MIMIC: f64 = 24.0;
/// Cm that brows and lashes stand off the skin, a level, so that coarser skin does not swallow them; teeth stand
/// back four times as far, so that they do not show between closed lips.
const LIFT: f32 = 0.04;

fn poses() -> Vec<Expression> {
    let e = |weights: &[(&str, f32)]| Expression::default().with(weights);
    vec![
        e(&[]),
        e(&[("jawOpen", 1.0), ("browInnerUp", 1.0), ("eyeWide", 1.0)]),
        e(&[("eyeBlink", 1.0), ("browDown", 1.0), ("noseSneer", 1.0)]),
        e(&[("mouthSmile", 1.0), ("cheekSquint", 1.0), ("eyeSquint", 1.0), ("browOuterUp", 1.0)]),
        e(&[("mouthPucker", 1.0), ("eyeLookInLeft", 1.0), ("eyeLookOutRight", 1.0)]),
        e(&[("mouthFrown", 1.0), ("mouthShrugLower", 1.0), ("eyeLookDown", 1.0)]),
        e(&[("mouthUpperUp", 1.0), ("mouthLowerDown", 1.0), ("eyeLookUp", 1.0)]),
        e(&[("mouthPress", 1.0), ("mouthRollLower", 1.0), ("cheekPuff", 1.0), ("tongueOut", 1.0)]),
    ]
}

/// Sum of squared distances to planes: the upper triangle of a symmetric 4 x 4 matrix.
#[derive(Clone, Copy, Default)]
struct Quadric([f64; 10]);

impl Quadric {
    fn plane(n: DVec3, through: DVec3, weight: f64) -> Self {
        let d = -n.dot(through);
        let [a, b, c] = n.to_array();
        Self([a * a, a * b, a * c, a * d, b * b, b * c, b * d, c * c, c * d, d * d].map(|v| v * weight))
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    fn at(&self, p: DVec3) -> f64 {
        let [aa, ab, ac, ad, bb, bc, bd, cc, cd, dd] = self.0;
        let (x, y, z) = (p.x, p.y, p.z);
        x * (aa * x + 2.0 * (ab * y + ac * z + ad))
            + y * (bb * y + 2.0 * (bc * z + bd))
            + z * (cc * z + 2.0 * cd)
            + dd
    }
}

/// One way to collapse: cost as ordered bits, the vertex that goes, the one that stays, and both their versions.
type Step = Reverse<(u64, u32, u32, u32, u32)>;

struct Work<'a> {
    mesh: &'a Mesh,
    /// Position of each vertex in each pose.
    at: Vec<Vec<DVec3>>,
    quadrics: Vec<Vec<Quadric>>,
    triangles: Vec<[u32; 3]>,
    alive: Vec<bool>,
    around: Vec<Vec<u32>>,
    version: Vec<u32>,
    heap: BinaryHeap<Step>,
}

/// Coarser meshes with about as many triangles as asked for, finest first.
pub(crate) fn simplify(mesh: &Mesh, targets: &[usize]) -> Vec<Mesh> {
    let mut work = Work::new(mesh);
    let mut left = mesh.triangles.len();
    let mut out = Vec::with_capacity(targets.len());
    for target in targets {
        while left > *target {
            let Some(Reverse((_, gone, stays, a, b))) = work.heap.pop() else { break };
            if work.version[gone as usize] == a && work.version[stays as usize] == b {
                left -= work.collapse(gone, stays);
            }
        }
        let kept: Vec<[u32; 3]> =
            work.triangles.iter().zip(&work.alive).filter(|(_, alive)| **alive).map(|(t, _)| *t).collect();
        let mut coarse = mesh.thinned(&kept);
        let lift = LIFT * (out.len() + 1) as f32;
        for (s, [p, n]) in coarse.statics.iter().zip(&mut coarse.neutral) {
            if matches!((s.part & 255) as u8, part::BROW | part::LASH) {
                let lash = f32::from(s.part & 255 == u32::from(part::LASH));
                p.iter_mut().zip(*n).take(3).for_each(|(p, n)| *p += n * lift * (1.0 + lash));
            }
            if matches!((s.part & 255) as u8, part::TEETH_UPPER | part::TEETH_LOWER) {
                p[2] -= 4.0 * lift;
            }
        }
        out.push(coarse);
    }
    out
}

impl<'a> Work<'a> {
    fn new(mesh: &'a Mesh) -> Self {
        let n = mesh.statics.len();
        let mut moved = Vec::new();
        let at: Vec<Vec<DVec3>> = poses()
            .iter()
            .map(|pose| {
                let movement =
                    Movement { now: Row::of(pose), against: Row::default(), activity: [0.0; REGION_COUNT] };
                morph(mesh, &movement, &mut moved);
                moved.iter().map(|m| Vec3::from_slice(&m.position).as_dvec3()).collect()
            })
            .collect();
        let mut around = vec![Vec::new(); n];
        for (t, triangle) in mesh.triangles.iter().enumerate() {
            triangle.iter().for_each(|v| around[*v as usize].push(t as u32));
        }
        let mut work = Self {
            mesh,
            quadrics: vec![vec![Quadric::default(); n]; at.len()],
            at,
            triangles: mesh.triangles.clone(),
            alive: vec![true; mesh.triangles.len()],
            around,
            version: vec![0; n],
            heap: BinaryHeap::new(),
        };
        work.planes();
        for v in 0..n as u32 {
            for u in work.neighbours(v) {
                work.offer(v, u);
            }
        }
        work
    }

    fn planes(&mut self) {
        for t in 0..self.triangles.len() {
            let ids = self.triangles[t];
            for pose in 0..self.at.len() {
                let [a, b, c] = ids.map(|v| self.at[pose][v as usize]);
                let cross = (b - a).cross(c - a);
                let area = cross.length();
                let n = cross / area.max(1e-12);
                let q = Quadric::plane(n, a, area);
                ids.iter().for_each(|v| self.quadrics[pose][*v as usize].add(&q));
                for k in 0..3 {
                    let (v, u) = (ids[k], ids[(k + 1) % 3]);
                    if self.sharing(v, u) == 1 {
                        let (p, r) = (self.at[pose][v as usize], self.at[pose][u as usize]);
                        let side = (r - p).cross(n).normalize_or_zero();
                        let q = Quadric::plane(side, p, BORDER * (r - p).length_squared());
                        [v, u].iter().for_each(|v| self.quadrics[pose][*v as usize].add(&q));
                    }
                }
            }
        }
    }

    /// How many triangles have both vertices.
    fn sharing(&self, v: u32, u: u32) -> usize {
        self.around[v as usize].iter().filter(|t| self.triangles[**t as usize].contains(&u)).count()
    }

    fn neighbours(&self, v: u32) -> Vec<u32> {
        let mut out: Vec<u32> = self.around[v as usize]
            .iter()
            .flat_map(|t| self.triangles[*t as usize])
            .filter(|u| *u != v)
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    fn offer(&mut self, gone: u32, stays: u32) {
        let (g, s) = (gone as usize, stays as usize);
        let shape: f64 = (self.at.iter().zip(&self.quadrics))
            .map(|(at, q)| (q[g].at(at[s]) + q[s].at(at[s])).max(0.0))
            .sum();
        let mimic = f64::from(*self.mesh.regions[g].iter().max().unwrap_or(&0)) / 255.0;
        let length = (self.at[0][g] - self.at[0][s]).length_squared();
        let (a, b) = (&self.mesh.statics[g], &self.mesh.statics[s]);
        let mut colour = (a.material[0].to_f64() - b.material[0].to_f64()).powi(2);
        for (x, y) in a.albedo.iter().zip(b.albedo) {
            colour += (x.to_f64() - y.to_f64()).powi(2);
        }
        // equal errors: short edges first
        let cost = shape * (1.0 + MIMIC * mimic) + length * (COLOUR * colour + 1e-5);
        self.heap.push(Reverse((cost.max(0.0).to_bits(), gone, stays, self.version[g], self.version[s])));
    }

    /// Collapses if that tears and folds nothing; returns how many triangles are gone.
    fn collapse(&mut self, gone: u32, stays: u32) -> usize {
        let shared = self.sharing(gone, stays);
        let near = self.neighbours(stays);
        let common = self.neighbours(gone).iter().filter(|v| near.contains(v)).count();
        if shared == 0 || common != shared || self.folds(gone, stays) {
            return 0;
        }
        // a vertex of an open edge may only slide along it
        if self.open(gone) && shared != 1 {
            return 0;
        }
        for t in std::mem::take(&mut self.around[gone as usize]) {
            let triangle = &mut self.triangles[t as usize];
            if triangle.contains(&stays) {
                self.alive[t as usize] = false;
                for v in *triangle {
                    self.around[v as usize].retain(|x| *x != t);
                }
            } else {
                triangle.iter_mut().filter(|v| **v == gone).for_each(|v| *v = stays);
                self.around[stays as usize].push(t);
            }
        }
        for q in &mut self.quadrics {
            let moved = q[gone as usize];
            q[stays as usize].add(&moved);
        }
        self.version[gone as usize] += 1;
        self.version[stays as usize] += 1;
        for v in self.neighbours(stays) {
            self.offer(v, stays);
            self.offer(stays, v);
        }
        shared
    }

    fn open(&self, v: u32) -> bool {
        self.neighbours(v).iter().any(|u| self.sharing(v, *u) == 1)
    }

    fn folds(&self, gone: u32, stays: u32) -> bool {
        let of = |at: &[DVec3], t: [u32; 3]| {
            let [a, b, c] = t.map(|v| at[v as usize]);
            (b - a).cross(c - a)
        };
        self.around[gone as usize].iter().any(|t| {
            let before = self.triangles[*t as usize];
            if before.contains(&stays) {
                return false;
            }
            let after = before.map(|v| if v == gone { stays } else { v });
            self.at.iter().enumerate().any(|(pose, at)| {
                let (a, b) = (of(at, before), of(at, after));
                // what an expression has folded already may stay so
                let needed = if pose == 0 { 0.25 } else { -0.2 };
                a.dot(b) < needed * a.length() * b.length() || (pose == 0 && b.length() < 1e-7)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::head::Head;
    use std::collections::HashMap;

    #[test]
    fn coarser_meshes_keep_every_part_and_its_seams() {
        let head = Head::builtin().unwrap();
        for pair in head.meshes.windows(2) {
            let (fine, coarse) = (&pair[0], &pair[1]);
            assert!(coarse.triangles.len() < fine.triangles.len() * 2 / 3);
            let mut parts = HashMap::new();
            for s in &coarse.statics {
                *parts.entry(s.part & 255).or_insert(0) += 1;
            }
            for s in &fine.statics {
                assert!(parts.contains_key(&(s.part & 255)), "part {} is gone", s.part & 255);
            }
            for t in &coarse.triangles {
                assert!(t[0] != t[1] && t[1] != t[2] && t[2] != t[0]);
                let part = |v: u32| coarse.statics[v as usize].part & 255;
                assert!(part(t[0]) == part(t[1]) && part(t[1]) == part(t[2]));
            }
        }
    }
}
