//! One mesh of a head, ready to be moved and drawn: the head itself or a coarser one for small pictures. Triangles
//! are sorted by material, shapes are sparse entries a vertex.

use crate::head::{Entry, GROUPS, Static, group};

/// Everything that the renderers read of a mesh.
pub(crate) struct Mesh {
    /// Position with how far it follows the head, and normal.
    pub neutral: Vec<[[f32; 4]; 2]>,
    pub statics: Vec<Static>,
    /// 0..255: how much a vertex belongs to the region of each action unit; the last one is unused.
    pub regions: Vec<[u8; 16]>,
    /// Sorted by material group.
    pub triangles: Vec<[u32; 3]>,
    /// The triangles of each material group.
    pub groups: [std::ops::Range<u32>; GROUPS],
    /// Vertex v owns the entries `first[v]..first[v + 1]`.
    pub first: Vec<u32>,
    pub entries: Vec<Entry>,
}

impl Mesh {
    /// Where each material group begins and ends among triangles sorted by it.
    pub fn groups(triangles: &[[u32; 3]], part: impl Fn(u32) -> u8) -> [std::ops::Range<u32>; GROUPS] {
        let of = |t: &[u32; 3]| group(part(t[0]));
        std::array::from_fn(|g| {
            let at = |g: usize| triangles.partition_point(|t| of(t) < g) as u32;
            at(g)..at(g + 1)
        })
    }

    /// The mesh of these triangles, with the vertices that they use.
    pub fn thinned(&self, triangles: &[[u32; 3]]) -> Self {
        let mut used = vec![false; self.statics.len()];
        triangles.iter().flatten().for_each(|v| used[*v as usize] = true);
        let kept: Vec<usize> = (0..used.len()).filter(|v| used[*v]).collect();
        let mut now = vec![0_u32; used.len()];
        kept.iter().enumerate().for_each(|(to, from)| now[*from] = to as u32);
        let triangles: Vec<[u32; 3]> = triangles.iter().map(|t| t.map(|v| now[v as usize])).collect();
        let mut first = vec![0];
        let mut entries = Vec::new();
        for v in &kept {
            entries.extend_from_slice(&self.entries[self.first[*v] as usize..self.first[*v + 1] as usize]);
            first.push(entries.len() as u32);
        }
        let statics: Vec<Static> = kept.iter().map(|v| self.statics[*v]).collect();
        Self {
            neutral: kept.iter().map(|v| self.neutral[*v]).collect(),
            regions: kept.iter().map(|v| self.regions[*v]).collect(),
            groups: Self::groups(&triangles, |v| statics[v as usize].part as u8),
            statics,
            triangles,
            first,
            entries,
        }
    }

    /// Every edge once, parts in any order.
    pub fn edges(&self) -> Vec<[u32; 2]> {
        let mut out: Vec<[u32; 2]> = self
            .triangles
            .iter()
            .flat_map(|[a, b, c]| [[*a, *b], [*b, *c], [*c, *a]])
            .map(|[a, b]| [a.min(b), a.max(b)])
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}
