// What one face of one picture needs to know, and the vertex it is drawn from.
// Mirrored by `frame.rs` (struct Frame) and `morph.rs` (struct Dynamic), `head.rs` (struct Static); a test compares
// the layouts through naga.

struct Frame {
    clip_from_world: mat4x4f,
    light_from_world: mat4x4f,
    turn: vec4f,           // of the head, a quaternion
    body: vec4f,           // xyz: translation of the whole bust; w: cm a pixel covers at the face
    eye: vec4f,            // xyz: camera; w: exposure
    key: vec4f,            // xyz: towards the key light; w: radius of the soft shadow in shadow-map uv
    fill: vec4f,
    rim: vec4f,
    kicker: vec4f,
    top: vec4f,            // background, linear rgb
    bottom: vec4f,
    eye_left: vec4f,       // centre at rest and radius
    eye_right: vec4f,
    overlay: vec4f,        // x: 0 none, 1 heat, 2 regions; y: displacement of full heat, cm; z: width / height; w: 1 no wall
    ghost: vec4f,          // tint rgb, alpha
    shadow: vec4f,         // this face's part of the shadow map: scale xy, offset zw, in uv
    style: vec4f,          // x: 1 porcelain; y: brightness of the wall; zw: width and height in pixels
    trail: array<vec4f, 25>, // where the head has pointed, newest first; w: strength of the piece that begins there
}

@group(0) @binding(0) var<uniform> frame: Frame;

const PIVOT = vec3f(0.0, -6.5, -1.5);

struct VertexIn {
    @location(0) position: vec4f,  // in the world; w: displacement, cm
    @location(1) normal: vec4f,    // its length: 1, less in a fold; w: activity of the region
    @location(2) rest: vec3f,      // neutral position
    @location(3) part: u32,        // lowest 8 bits; above: occlusion of a bare head
    @location(4) albedo: vec4f,
    @location(5) material: vec4f,  // roughness, specular F0, subsurface, occlusion
}

// A direction of the head as it is turned.
fn turned(v: vec3f) -> vec3f {
    let t = 2.0 * cross(frame.turn.xyz, v);
    return v + frame.turn.w * t + cross(frame.turn.xyz, t);
}

// A point of the head (not of neck or garment) at rest, in the world.
fn placed(p: vec3f) -> vec3f {
    return PIVOT + turned(p - PIVOT) + frame.body.xyz;
}
