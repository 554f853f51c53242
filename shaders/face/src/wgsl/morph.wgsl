// Adds the 52 shapes to the neutral head: one thread a vertex, sparse half-float deltas of position and normal.
// The CPU twin is `morph.rs`; both read the same entries.

struct Weights {
    now: array<vec4f, 13>,      // the 52 weights, four to a vector
    against: array<vec4f, 13>,  // the expression that displacement is measured from
}

struct Entry {
    shape: u32,
    xy: u32,    // position x, y
    zn: u32,    // position z, normal x
    nn: u32,    // normal y, z
}

@group(0) @binding(0) var<uniform> weights: Weights;
@group(0) @binding(1) var<storage, read> neutral: array<vec4f>;  // position, normal, position, normal, ...
@group(0) @binding(2) var<storage, read> first: array<u32>;      // vertex v owns entries first[v] .. first[v + 1]
@group(0) @binding(3) var<storage, read> entries: array<Entry>;
@group(0) @binding(4) var<storage, read_write> moved: array<vec4f>;

@compute @workgroup_size(64)
fn morph(@builtin(global_invocation_id) id: vec3u) {
    let v = id.x;
    if v + 1u >= arrayLength(&first) {
        return;
    }
    var p = neutral[2u * v].xyz;
    var n = neutral[2u * v + 1u].xyz;
    var away = vec3f(0.0);
    for (var i = first[v]; i < first[v + 1u]; i++) {
        let e = entries[i];
        let w = weights.now[e.shape / 4u][e.shape % 4u];
        let b = weights.against[e.shape / 4u][e.shape % 4u];
        if w == 0.0 && b == 0.0 {
            continue;
        }
        let xy = unpack2x16float(e.xy);
        let zn = unpack2x16float(e.zn);
        let nn = unpack2x16float(e.nn);
        let d = vec3f(xy, zn.x);
        p += w * d;
        n += w * vec3f(zn.y, nn);
        away += (w - b) * d;
    }
    moved[2u * v] = vec4f(p, length(away));
    moved[2u * v + 1u] = vec4f(n / max(length(n), 1e-6), 0.0);
}
