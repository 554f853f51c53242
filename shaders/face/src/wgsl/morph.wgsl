// Adds the 52 shapes to the neutral head, turns the head and shifts the bust, for every face of a batch at once:
// one thread a vertex and face, sparse half-float deltas of position and normal. What a face does is a place in a
// table of rows that holds whole takes. The CPU twin is `morph.rs`; both read the same entries.

const ROW = 60u;
const PIVOT = vec3f(0.0, -6.5, -1.5);

struct Doing {
    turn: vec4f,       // quaternion of the head
    shift: vec4f,      // of the bust, cm; w: how far from row a to row b
    rows: vec4u,       // rows a and b, the row that displacement is measured from, the mesh's first vertex
    range: vec4u,      // vertices of the mesh, where its moved ones begin
    activity: array<vec4f, 4>,  // how strongly each action unit's region is lit
}

struct Entry {
    shape: u32, // and in its upper half how much more hollow the skin is there
    xy: u32,    // position x, y
    zn: u32,    // position z, normal x
    nn: u32,    // normal y, z
}

@group(0) @binding(0) var<uniform> doings: array<Doing, 64>;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
// position and how far the vertex follows the head; normal and its first entry
@group(0) @binding(2) var<storage, read> neutral: array<vec4u>;
@group(0) @binding(3) var<storage, read> entries: array<Entry>;
@group(0) @binding(4) var<storage, read> regions: array<vec4u>;  // 16 shares of a byte a vertex
@group(0) @binding(5) var<storage, read_write> moved: array<vec4f>;

// The neck takes part of the turn: the axis stays, the angle grows on the way up.
fn part_turn(turn: vec4f, follow: f32) -> vec4f {
    let q = mix(vec4f(0.0, 0.0, 0.0, 1.0), turn, follow);
    return q / max(length(q), 1e-6);
}

fn turned(q: vec4f, v: vec3f) -> vec3f {
    let t = 2.0 * cross(q.xyz, v);
    return v + q.w * t + cross(q.xyz, t);
}

@compute @workgroup_size(64)
fn morph(@builtin(global_invocation_id) id: vec3u) {
    let does = id.y;
    if id.x >= doings[does].range.x {
        return;
    }
    let at = doings[does].rows;
    let t = doings[does].shift.w;
    let v = at.w + id.x;
    let still = neutral[2u * v];
    let up = neutral[2u * v + 1u];
    var p = bitcast<vec3f>(still.xyz);
    var n = bitcast<vec3f>(up.xyz);
    let follow = bitcast<f32>(still.w);
    var away = vec3f(0.0);
    var fold = 0.0;
    let last = neutral[2u * v + 3u].w;
    for (var i = up.w; i < last; i++) {
        let e = entries[i];
        let shape = e.shape & 0xffffu;
        let a = rows[at.x * ROW + shape];
        let w = a + (rows[at.y * ROW + shape] - a) * t;
        let b = rows[at.z * ROW + shape];
        if w == 0.0 && b == 0.0 {
            continue;
        }
        let xy = unpack2x16float(e.xy);
        let zn = unpack2x16float(e.zn);
        let nn = unpack2x16float(e.nn);
        let d = vec3f(xy, zn.x);
        p += w * d;
        n += w * vec3f(zn.y, nn);
        fold += w * unpack2x16float(e.shape).y;
        away += (w - b) * d;
    }
    let share = regions[v];
    let most = max(
        max(unpack4x8unorm(share.x) * doings[does].activity[0], unpack4x8unorm(share.y) * doings[does].activity[1]),
        max(unpack4x8unorm(share.z) * doings[does].activity[2], unpack4x8unorm(share.w) * doings[does].activity[3]));
    let region = max(max(most.x, most.y), max(most.z, most.w));
    let q = part_turn(doings[does].turn, follow);
    let world = PIVOT + turned(q, p - PIVOT) + doings[does].shift.xyz;
    // its length is what a fold leaves of the light from around
    let open = 1.0 - clamp(fold - 0.06, 0.0, 0.5);
    n = open * turned(q, n / max(length(n), 1e-6));
    let to = doings[does].range.y + id.x;
    moved[2u * to] = vec4f(world, length(away));
    moved[2u * to + 1u] = vec4f(n, region);
}
